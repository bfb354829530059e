/** A call as the rest of the gateway sees it: its bounds and its facts, and an exchange that knows its words. */
import type { PriceNeeds } from "../../domains/metering/index.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Operation } from "../../lib/operations.ts";
import type { Quantities } from "../../lib/quantities.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Counted, Exchange } from "../../providers/exchange.ts";
import type { Call, GatewayLimits } from "../gateway.ts";

export type CallRequest = {
  operation: Operation;
  /** As the client named it: a model or a route. */
  model: string;
  isStream: boolean;
  exchange: Exchange;
  /** As it came, for who keeps or compares it; undefined where it is no JSON. */
  body: JsonObject | undefined;
  /** Answers per call. */
  choices: number;
  /** The output limit that the client set, per answer. */
  maxTokens: number | undefined;
  /** Whether the operation answers with tokens at all: an embedding does not. */
  producesTokens: boolean;
  /** True upper bound of the prompt's tokens. */
  inputTokensMax: number;
  /** Our own estimate, for when nobody says better. */
  inputTokensCounted: number;
  /** How many prompts of their own the call brings, each of which may fill a model's context: 1 where it is left out. */
  contexts?: number;
  /** In place of counted tokens, for operations that are not billed by these alone. */
  counted?: Counted;
  /** True upper bound of everything that is not a text token: images, seconds, characters, search units. */
  fixed: Quantities;
  /** More than its operation needs to find priced anyway. */
  priceNeeds?: PriceNeeds;
  /** Asked for by the client. Refused where the price has none for it. */
  serviceTier: ServiceTier;
  /** What a model must be able to do and to read beside text. */
  needs: { capabilities: readonly string[]; modalities: readonly string[] };
  facts: RoutingFacts;
  /** The client waits no longer than this for the end of the answer. */
  timeoutMs: number | undefined;
  /** For who keeps answers: a whole one, or the end of its stream, once it is settled. Where it says so, the end waits. */
  onAnswered?(end: Uint8Array): Promise<void> | undefined;
};

/** What a route's conditions may look at. */
export type RoutingFacts = {
  metadata: Readonly<Record<string, string>>;
  task: string | undefined;
  /** The last thing that the user said, cut to what telling a language needs. */
  sampleText(): string;
  /** The beginning of the prompt, for sending prompts that begin alike to the same place. */
  prefix(): string;
};

/** Bytes → a validated request. @throws Failure `invalid`, `too_large` */
export type ReadCallRequest = (call: Call, limits: GatewayLimits) => Promise<CallRequest>;
