/** What a maintained list says of a model: a beginning for an operator, who may always say otherwise. */
import type { PriceTerms } from "../price.ts";

/** A price as the list has it. What the list charges for and we do not meter is named in `notes`. */
export type KnownPrice = {
  /** Undefined: it is in force already. */
  validFrom: Date | undefined;
  terms: PriceTerms;
};

export type KnownModel = {
  /** The list and its version, as it stands in price versions: "genai-prices 0.1.8". */
  source: string;
  /** The list's own names. */
  provider: string;
  model: string;
  contextTokens: number | undefined;
  /** In the order of their beginnings; the first is in force now. */
  prices: readonly [KnownPrice, ...KnownPrice[]];
  /** Sentences for the operator: what the list says that a price of ours does not. */
  notes: readonly string[];
};

/** Where a model is served, as far as a list can know it. */
export type ServedAt = {
  /** The list's own id of the provider, where the table of known providers names it. */
  listId: string | undefined;
  baseUrl: string;
  upstreamModel: string;
};

/** Undefined: the list has no price of it. Empty prices of a list may mean free or unknown, and are none. */
export type FindKnownModel = (served: ServedAt, nowMs: number) => Promise<KnownModel | undefined>;
