/** The door of the request log: what calls were, for organizations that want to look at them later. */
export type { LoggedCall, LoggedContent, NewLoggedCall } from "./logged-call.ts";
export {
  deleteOutdated,
  insertCalls,
  listCalls,
  purgeCalls,
  readLoggedCall,
} from "./store.ts";
