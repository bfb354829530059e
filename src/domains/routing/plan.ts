/** What the planner answers. */
import type { RetryKind } from "./definition.ts";
import type { DeploymentOf, RoutableModel } from "./question.ts";
import type { Resident } from "./residency.ts";

export type RouteCandidate<M extends RoutableModel = RoutableModel> = {
  model: M;
  deployment: Resident<DeploymentOf<M>>;
  tier: string;
  /** Why it stands where it stands, for people. */
  why: string;
  /**
   * Its circuit is open, so it stands behind all others. To be asked only when all others have failed: then a provider
   * that has just recovered is better than an error.
   */
  isLastResort: boolean;
};

/** Why a target is not in the plan. In the order in which they are looked at. */
export type LeftOutReason =
  | "unknown_model"
  | "operation"
  | "residency"
  | "condition"
  | "capability"
  | "modality"
  | "context"
  | "price"
  | "repeated"
  | "too_many";

export type LeftOut = {
  tier: string;
  /** `model` or `model at provider`. */
  target: string;
  reason: LeftOutReason;
  /** For people. */
  why: string;
};

export type RoutePolicy = {
  /** Of one call, over all candidates. */
  attemptsMax: number;
  /** How often the same candidate is asked again after such a failure. */
  again: Readonly<Record<RetryKind, number>>;
  backoff: { firstMs: number; maxMs: number };
  /** `budgetPercent`: the most of this route's calls that may be hedged. */
  hedge: { afterMs: number; budgetPercent: number } | undefined;
  streams: "direct" | "complete";
  /** Until the first byte of an answer; undefined: the gateway's own limit. */
  timeoutMs: number | undefined;
  cache: { ttlSeconds: number } | undefined;
};

export type RoutePlan<M extends RoutableModel = RoutableModel> = {
  /** To be tried in this order; at most `ATTEMPTS_MAX`. */
  candidates: readonly RouteCandidate<M>[];
  leftOut: readonly LeftOut[];
  policy: RoutePolicy;
};
