/** What can be asked, and what a call is going to ask, in order. */
import type { Model, Price } from "../../domains/catalog/index.ts";
import type { CallLimit } from "../../domains/identity/index.ts";
import type { PriceComponents } from "../../domains/metering/index.ts";
import type { Resident, RoutePolicy } from "../../domains/routing/index.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Upstream } from "../../providers/upstream.ts";

/** One deployment with one credential. Credential 0: the provider takes none. */
export type Target = {
  upstream: Upstream;
  upstreamModel: string;
  deploymentId: bigint;
  credentialId: bigint;
  region: string | null;
};

/** A deployment that this version can call, ready to be called with each of its credentials. */
export type ServedDeployment = {
  deploymentId: bigint;
  region: string | null;
  /** With the first of its credentials: for who only asks what it is. */
  upstream: Upstream;
  targets: readonly (Target & { weight: number })[];
  /** What the provider charges us, newest first. */
  costs: readonly Price[];
};

/** A model of the snapshot with what this version can call of it. */
export type ServedModel = Model & {
  candidates: readonly ServedDeployment[];
  /** How much of it there is; undefined: as much as its providers give. */
  limit: CallLimit | undefined;
};

/**
 * A target with the terms on which this call would use it. Who is asked is asked through one of these, and only the rule
 * of residency makes them: no other code can bring a target into a plan.
 */
export type Candidate = Resident<Target> & {
  modelName: string;
  modelId: bigint;
  priceVersionId: bigint;
  /** Those of the service tier below. */
  price: PriceComponents;
  serviceTier: ServiceTier;
  limit: CallLimit | undefined;
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
export type AskPolicy = RoutePolicy & {
  /** For the whole call, as the client asked; undefined: as long as it brings something. */
  callTimeoutMs: number | undefined;
};
