/** How much may be called by whom, and of what. */

export type LimitScope = "organization" | "project" | "key" | "model";

/** Who goes first where a model has more callers than room. */
export type Priority = "high" | "normal" | "low";

/** Null: no limit. */
export type CallLimits = {
  /** Requests per minute. */
  rpm: number | null;
  /** Tokens per minute. */
  tpm: number | null;
  /** Calls at once. */
  concurrency: number | null;
};

/** A limit as a gateway enforces it. */
export type CallLimit = CallLimits & {
  /** Under which calls are counted: unique over all scopes. */
  counter: string;
  /** For people, such as `the organization 'acme'`. */
  subject: string;
};

export type LimitRecord = CallLimits & {
  scope: LimitScope;
  /** Of projects: their organization. */
  organization: string | null;
  /** Of keys: their id. */
  name: string;
  /** Of keys only. */
  priority: Priority | null;
};

export const isLimited = ({ rpm, tpm, concurrency }: CallLimits): boolean =>
  rpm !== null || tpm !== null || concurrency !== null;
