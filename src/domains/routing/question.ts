/** What the planner must know of a call, and of what could answer it. */
import type { Quantities } from "../../lib/quantities.ts";
import type { PriceComponents } from "../metering/index.ts";

/** A model as one provider serves it. A gateway's own type may hold more, and gets it back. */
export type RoutableDeployment = {
  deploymentId: bigint;
  /** Null: nobody has said where it runs. */
  region: string | null;
  upstream: { readonly name: string };
};

export type RoutableModel<D extends RoutableDeployment = RoutableDeployment> = {
  name: string;
  contextTokens: number | null;
  /** Null: unknown, which counts as able. */
  capabilities: readonly string[] | null;
  /** What it can read beside text. Null: unknown, which counts as able. */
  modalities: readonly string[] | null;
  /** In the order in which a call of the model alone tries them. */
  candidates: readonly D[];
};

export type DeploymentOf<M extends RoutableModel> = M["candidates"][number];

export type RouteQuestion<M extends RoutableModel = RoutableModel> = {
  /** The name that the client called. */
  model: string;
  /** Such as `chat`. */
  operation: string;
  organization: string;
  organizationId: bigint;
  project: string;
  keyId: string;
  /** Where the organization's calls may go; null: anywhere. */
  regions: readonly string[] | null;
  metadata: Readonly<Record<string, string>>;
  task: string | undefined;
  isStream: boolean;
  /** Our own count of the input. */
  inputTokensCounted: number;
  /** No tokenizer makes more of it. */
  inputTokensMax: number;
  /** How many prompts share that input, each of which must fit into a model's context: 1 where it is left out. */
  contexts?: number;
  /** The client's own limit. */
  maxTokens: number | undefined;
  /** Embeddings and the like produce none. */
  producesTokens: boolean;
  /** What the call takes beside text tokens, at most. */
  fixed: Quantities;
  needs: { capabilities: readonly string[]; modalities: readonly string[] };
  /** BCP 47; undefined: not asked for, or the text is too short to tell. */
  language: string | undefined;
  /** The beginning of the prompt. Asked only by `prefix-affinity`. */
  prefix(): string;
  /** Why this upstream cannot be put the question at all; undefined when it can. */
  whyNot(deployment: DeploymentOf<M>): string | undefined;
  /** What the customer pays now; undefined: the model is not priced for such a call. */
  priceOf(model: M): PriceComponents | undefined;
  /** What is missing, where `priceOf` finds nothing. */
  whyNoPrice?(model: M): string;
  /** What the provider charges us now; undefined: nobody has said, and the model's price stands for it. */
  costOf(model: M, deployment: DeploymentOf<M>): PriceComponents | undefined;
  /** Since 1970, for conditions of time. */
  nowMs: number;
  /** From 0 up to, and without, 1. */
  chance(): number;
};
