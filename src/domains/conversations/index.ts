/** The door of conversations: responses that are kept, and conversations that go on. */
export type {
  Conversation,
  ItemPage,
  ItemPageRequest,
} from "./conversation.ts";
export {
  addItems,
  createConversation,
  deleteConversation,
  deleteItem,
  findConversation,
  findItem,
  listItems,
  readAllItems,
  updateConversation,
} from "./conversation-store.ts";
export { PREVIOUS_NOT_FOUND, readConversationUpTo, readItems } from "./history-store.ts";
export { toItems, toReplayed } from "./items.ts";
export {
  canBeId,
  hasEnded,
  type Item,
  type NewResponse,
  ORGANIZATION_BYTES_MAX,
  RETENTION_DAYS,
  type ResponseStatus,
  type StoredResponse,
  TEST_RETENTION_DAYS,
  type Tenant,
} from "./response.ts";
export {
  beginResponse,
  cancelResponse,
  deleteExpired,
  deleteResponse,
  endResponse,
  findResponse,
  findStatus,
  insertResponse,
  queueResponse,
  readStoredBytes,
} from "./store.ts";
