/** The door of jobs: work that the worker does later, and answers that are charged if and only if they are kept. */
export { type End, type Job, type JobKind, jobKinds, runRequestId } from "./job.ts";
export {
  beginKept,
  endUnkept,
  type Kept,
  keepAnswer,
  type RunState,
  readKept,
  readKeptAnswer,
  readKeptAnswers,
  releaseKept,
  settleRun,
  sweepKept,
} from "./kept-store.ts";
export {
  addJob,
  askToCancelJob,
  claimJobs,
  endJob,
  giveJobsBack,
  heartbeat,
  readQueueLengths,
  sweepJobs,
  takeRun,
} from "./store.ts";
