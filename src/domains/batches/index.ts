/** The door of batches. */
export {
  BATCH_ERRORS_MAX,
  BATCH_LINES_MAX,
  type Batch,
  type BatchError,
  batchEndpoints,
  COMPLETION_WINDOW,
  fromBatchWireId,
  hasEnded,
  toBatchWireId,
} from "./batch.ts";
export { readBatchLine } from "./check-line.ts";
export {
  deleteLines,
  type EndedLine,
  endRuns,
  insertLines,
  type LineResult,
  listEnded,
  listSent,
  type NewLine,
  type RunEnd,
  readLastNumber,
  readLinesLeft,
  refuseWaiting,
  type SentLine,
  takeLinesAgain,
  takeNewLines,
} from "./line-store.ts";
export { LineTooLong, readLines } from "./read-lines.ts";
export { answeredLine, refusedLine, unansweredLine } from "./result-line.ts";
export {
  beginBatch,
  beginFinalizing,
  cancelBatch,
  countLinesLeft,
  createBatch,
  endBatch,
  failBatch,
  findAnyBatch,
  findBatch,
  type ListedBatch,
  listAllBatches,
  listBatches,
  readBatch,
} from "./store.ts";
