/** What a kind of job gives to the queue, and what it gets. */
import type { End, Job, JobKind } from "../../domains/jobs/index.ts";
import type { Usage } from "../../lib/quantities.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Log } from "../../platform/log.ts";

export type Kind = {
  kind: JobKind;
  /** Jobs of this kind that one worker runs at once. */
  places: number;
  /** Of these, at most so many of one organization. */
  perOrganizationMax: number;
  /** After so many errors in a row the job is given up; infinite where results were paid for. */
  failuresMax: number;
  /**
   * Does the job, from the beginning or from where an earlier claim came to: it may be called again after every crash,
   * also after it had finished but before that was written down. What it throws is logged, and the job runs again
   * after a while.
   */
  run(job: Job, context: JobContext): Promise<End>;
  /** It has failed too often. Tells the client, if anybody. */
  giveUp(job: Job, context: JobContext): Promise<void>;
};

export type JobContext = {
  database: Database;
  log: Log;
  workerId: string;
  /** Aborted when the worker stops or the job is no longer its own: leave everything as it is and return. */
  signal: AbortSignal;
  /** Known within two seconds of the question. */
  isCancelAsked(): boolean;
  /** For kinds that make one call. Tries again, also after crashes, until there is an answer that is kept or a refusal. */
  askOnce(call: OnceCall): Promise<OnceAnswer>;
};

export type OnceCall = {
  /** A route of the data plane, such as `/v1/responses`. */
  path: string;
  /** JSON, without `stream` and `background`. */
  body: string;
  serviceTier: ServiceTier;
  /** By the wall clock. What may pass, such as 429 and 5xx, is tried again until then. */
  deadlineMs: number;
};

export type OnceAnswer =
  | { outcome: "kept"; requestId: string; body: Uint8Array; contentType: string; usage: Usage }
  /** Nothing is charged. The body is an error in the dialect of the path. */
  | { outcome: "refused"; requestId: string; status: number; body: string }
  /** Somebody asked for that. Nothing is charged. */
  | { outcome: "cancelled" }
  /** The signal was aborted. */
  | { outcome: "stopped" };
