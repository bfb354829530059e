/** What can be asked, and what a call is going to ask, in order. */
import type { Model } from "../../domains/catalog/index.ts";
import type { PriceComponents } from "../../domains/metering/index.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Upstream } from "../../providers/upstream.ts";

/** One deployment with one credential. */
export type Target = {
  upstream: Upstream;
  upstreamModel: string;
  deploymentId: bigint;
  region: string | null;
  /** How it does is remembered under this name. */
  healthKey: string;
  /** What concerns the credential, whichever model it was used for, under this one. */
  credentialKey: string;
};

/** A model of the snapshot with what this version can call of it. */
export type ServedModel = Model & { targets: readonly Target[] };

/** A target with the terms on which this call would use it. */
export type Candidate = Target & {
  modelName: string;
  modelId: bigint;
  priceVersionId: bigint;
  /** Those of the service tier below. */
  price: PriceComponents;
  serviceTier: ServiceTier;
  contextTokens: number | undefined;
  maxOutputTokens: number;
};

export type Plan = {
  /** As the client called it. */
  modelName: string;
  candidates: readonly [Candidate, ...Candidate[]];
  isBilled: boolean;
  policy: AskPolicy;
};

/** How a plan is walked. */
export type AskPolicy = {
  /** How often the whole plan is gone through once more, after a wait; undefined: as configured. */
  retryRounds: number | undefined;
  /** Until the answer has ended; undefined: as long as it brings something. */
  timeoutMs: number | undefined;
  /** A second candidate is asked when the first has not begun to answer after this long. */
  hedge: { afterMs: number; budgetPercent: number } | undefined;
  /**
   * `direct`: pieces of a stream are sent on as they come. `complete`: a stream is sent on when its end has
   * arrived, so that one that is cut can still be asked of the next candidate.
   */
  streams: "direct" | "complete";
};

export const USUAL_POLICY: AskPolicy = {
  retryRounds: undefined,
  timeoutMs: undefined,
  hedge: undefined,
  streams: "direct",
};
