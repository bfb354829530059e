/** What a batch is, its limits, and the words of OpenAI's batch API that it keeps to. */
import type { Quantities } from "../../lib/quantities.ts";
import type { Tenant } from "../files/index.ts";

/** What a batch may ask for, each without a stream. */
export const batchEndpoints = [
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/v1/moderations",
  "/v1/rerank",
  "/v1/images/generations",
  "/v1/messages",
] as const;
export type BatchEndpoint = (typeof batchEndpoints)[number];

/** OpenAI's limits: what fits there fits here. */
export const BATCH_LINES_MAX = 50_000;
export const BATCH_BYTES_MAX = 200 * 1024 * 1024;
/** The only one that OpenAI's API knows. */
export const COMPLETION_WINDOW = "24h";
export const COMPLETION_WINDOW_SECONDS = 24 * 3_600;
/** Of one organization at once: each one keeps rows and a place in the queue. */
export const OPEN_BATCHES_MAX = 200;
/** Problems of an input file that are told; the first ones say what is wrong. */
export const BATCH_ERRORS_MAX = 100;
export const CUSTOM_ID_CHARS_MAX = 512;

export const batchStatuses = [
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
] as const;
export type BatchStatus = (typeof batchStatuses)[number];

const ended: ReadonlySet<BatchStatus> = new Set(["failed", "completed", "expired", "cancelled"]);
export const hasEnded = (status: BatchStatus): boolean => ended.has(status);

/** In the shape of the API. */
export type BatchError = {
  code: string;
  message: string;
  line: number | null;
  param: string | null;
};

export type Batch = Tenant & {
  batchId: string;
  keyId: string;
  inputFileId: string;
  endpoint: BatchEndpoint;
  metadata: Readonly<Record<string, string>> | null;
  /** Of the files that it makes; null: they stay until somebody deletes them. */
  outputExpiresSeconds: number | null;
  status: BatchStatus;
  errors: readonly BatchError[];
  /** More of them than are told. */
  total: number;
  completed: number;
  failed: number;
  outputFileId: string | null;
  errorFileId: string | null;
  /** The sum over all lines, once it has ended. */
  usage: Quantities | null;
  createdAt: Date;
  expiresAt: Date;
  inProgressAt: Date | null;
  finalizingAt: Date | null;
  completedAt: Date | null;
  failedAt: Date | null;
  expiredAt: Date | null;
  cancellingAt: Date | null;
  cancelledAt: Date | null;
};

const PREFIX = "batch_";
const WIRE_ID = /^batch_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/** As clients see it; inside it is a UUID, the same as that of the batch's job. */
export const toBatchWireId = (batchId: string): string => PREFIX + batchId.replaceAll("-", "");

/** Undefined when this cannot be the id of a batch. */
export function fromBatchWireId(text: string): string | undefined {
  const parts = WIRE_ID.exec(text)?.slice(1);
  return parts?.join("-");
}
