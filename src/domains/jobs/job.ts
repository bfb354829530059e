/** What a job is, and how the ids of its calls are made. */
import { createHash } from "node:crypto";
import { assert } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";

export const jobKinds = ["batch", "response"] as const;
export type JobKind = (typeof jobKinds)[number];

export type NewJob = {
  /** A UUID of version 7. */
  jobId: string;
  kind: JobKind;
  organizationId: bigint;
  /** On whose behalf its calls are made. */
  keyId: string;
  /** What the kind needs to know: a reference to a row of its own rather than a copy of it. */
  payload: JsonObject;
  /** Only workers of this file store may take it; null: any worker. */
  fileStoreId: string | null;
};

/** A job that this worker has claimed. */
export type Job = NewJob & {
  /** How often its last claims have ended in an error, one after the other. */
  failures: number;
  /** The number of its newest call; 0 before the first one. For kinds that make one call. */
  run: number;
  createdAt: Date;
  isCancelAsked: boolean;
};

/** How a job leaves the queue, or when it is to be claimed again. */
export type End =
  | { state: "done" | "failed" | "cancelled" }
  | { againInMs: number; hasFailed?: boolean };

const UUID_TIME_CHARS = 13;

/**
 * The request id of one run of one call of a job: always the same for the same numbers, so that whoever
 * comes after a crash knows which call to look for. In the form of ids of version 7: the time is that of the job,
 * so that its calls lie together. The last digit is kept for the attempt.
 */
export function runRequestId(run: { jobId: string; number: number; run: number }): string {
  assert(run.run > 0, "runs are numbered from 1");
  const digest = createHash("sha256").update(`${run.jobId}/${run.number}/${run.run}`).digest("hex");
  const variant = "89ab"[Number.parseInt(digest.charAt(3), 16) % 4];
  return [
    run.jobId.slice(0, UUID_TIME_CHARS),
    `7${digest.slice(0, 3)}`,
    `${variant}${digest.slice(4, 7)}`,
    `${digest.slice(7, 18)}0`,
  ].join("-");
}
