/** What a model costs, and the rules of its versions. Pure. */
import { Failure } from "../../lib/errors.ts";
import { type Picos, ZERO_PICOS } from "../../lib/money.ts";
import {
  freeUnlessPriced,
  plainQuantityOf,
  type QuantityName,
  quantityNames,
} from "../../lib/quantities.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";

/** Pico-dollars per unit. A quantity that is not named has no price of its own. */
export type UnitPrices = Readonly<Partial<Record<QuantityName, Picos>>>;

/** What a call costs that has more than so many input tokens: all of it, not only what lies above. */
export type ContextTier = { readonly aboveInputTokens: number; readonly picos: UnitPrices };

/** All that one call can cost, by its quantities alone. */
export type PriceComponents = UnitPrices & {
  /** The lowest first. Each is complete in itself. */
  readonly contextTiers?: readonly ContextTier[];
};

/** Other than standard. */
export type SpecialServiceTier = Exclude<ServiceTier, "standard">;

/** A version is never changed; the next one begins where it ends. */
export type Price = {
  priceVersionId: bigint;
  validFromMs: number;
  /** Of the service tier `standard`. */
  picos: PriceComponents;
  /** Of those other service tiers that have prices. */
  serviceTiers?: Readonly<Partial<Record<SpecialServiceTier, PriceComponents>>>;
};

/**
 * A price as it is given. What is left out costs as much as the quantity it is a case of, within the same service
 * tier; a context tier that leaves something out keeps what the tier below it says.
 */
export type PriceTerms = PriceComponents & Pick<Price, "serviceTiers">;

/** A version that is to be added. */
export type NewVersion = {
  terms: PriceTerms;
  /** Undefined: from now. */
  validFrom?: Date | undefined;
  /** Where the price was taken from; undefined: an operator has said it. */
  source?: string | undefined;
};

/** Published lists have one tier at most; more than this is a mistake. */
const CONTEXT_TIERS_MAX = 8;
const INPUT_TOKENS_MAX = 2_147_483_647;

/** Undefined: a call of this service tier has no price, and is refused. */
export const termsFor = (
  price: Pick<Price, "picos" | "serviceTiers">,
  serviceTier: ServiceTier,
): PriceComponents | undefined =>
  serviceTier === "standard" ? price.picos : price.serviceTiers?.[serviceTier];

/** What one unit costs by the prices that hold for a call with so many input tokens. */
export function unitPricesAt(price: PriceComponents, inputTokens: number): UnitPrices {
  let found: UnitPrices = price;
  for (const tier of price.contextTiers ?? []) {
    if (inputTokens > tier.aboveInputTokens) found = tier.picos;
  }
  return found;
}

/**
 * Names every quantity that has a price, in every tier, so that a stored version says by itself what anything costs
 * and no later default can change what an old call cost.
 */
export function completeTerms(terms: PriceTerms): PriceTerms {
  const { serviceTiers, ...standard } = terms;
  const complete: PriceTerms = completeComponents(standard);
  if (serviceTiers === undefined) return complete;
  const special = Object.entries(serviceTiers).map(([name, components]) => [
    name,
    completeComponents(components),
  ]);
  return { ...complete, serviceTiers: Object.fromEntries(special) };
}

function completeComponents({ contextTiers, ...base }: PriceComponents): PriceComponents {
  assertNamed(base);
  const complete = completeUnits(base);
  if (contextTiers === undefined || contextTiers.length === 0) return complete;
  const ordered = contextTiers.toSorted((a, b) => a.aboveInputTokens - b.aboveInputTokens);
  assertTiers(ordered);
  let named: UnitPrices = base;
  const tiers = ordered.map(({ aboveInputTokens, picos }) => {
    named = { ...named, ...picos };
    return { aboveInputTokens, picos: completeUnits(named) };
  });
  return { ...complete, contextTiers: tiers };
}

function completeUnits(named: UnitPrices): UnitPrices {
  const complete: Partial<Record<QuantityName, Picos>> = {};
  for (const name of quantityNames) {
    const price = unitPriceOf(named, name);
    if (price !== undefined) complete[name] = price;
  }
  return complete;
}

/** Its own, or that of the plainer quantity it is a case of. Undefined: it has no price, and that is not zero. */
export function unitPriceOf(prices: UnitPrices, name: QuantityName): Picos | undefined {
  const own = prices[name];
  if (own !== undefined) return own;
  const plainer = plainQuantityOf[name];
  if (plainer !== undefined) return unitPriceOf(prices, plainer);
  return freeUnlessPriced.includes(name) ? ZERO_PICOS : undefined;
}

function assertNamed(prices: UnitPrices): void {
  if (quantityNames.some((name) => prices[name] !== undefined)) return;
  throw new Failure("invalid", "A price names at least one quantity, such as input.", {
    code: "empty_price",
  });
}

function assertTiers(ordered: readonly ContextTier[]): void {
  const refuse = (message: string): never => {
    throw new Failure("invalid", message, { param: "context_tiers", code: "invalid_field" });
  };
  if (ordered.length > CONTEXT_TIERS_MAX) {
    refuse(`A price has at most ${CONTEXT_TIERS_MAX} context tiers.`);
  }
  for (const [i, { aboveInputTokens, picos }] of ordered.entries()) {
    const isCount = Number.isInteger(aboveInputTokens) && aboveInputTokens > 0;
    if (!isCount || aboveInputTokens > INPUT_TOKENS_MAX) {
      refuse(`A context tier begins above 1 to ${INPUT_TOKENS_MAX} input tokens.`);
    }
    if (ordered[i + 1]?.aboveInputTokens === aboveInputTokens) {
      refuse(`Two context tiers begin above ${aboveInputTokens} input tokens.`);
    }
    assertNamed(picos);
  }
}

/** A request takes a while to arrive, and clocks differ a little. */
const PAST_TOLERANCE_MS = 60_000;

/** Calls before now have been priced already: a version cannot begin before them. Undefined means now. */
export function assertNotInThePast(validFrom: Date | undefined, nowMs: number): void {
  if (validFrom === undefined || validFrom.getTime() >= nowMs - PAST_TOLERANCE_MS) return;
  throw new Failure(
    "invalid",
    "valid_from lies in the past, and what was called until now has its price already. Leave it out for now.",
    { param: "valid_from" },
  );
}

/** @param prices newest first. Undefined: the model is not priced yet. */
export const priceAt = (prices: readonly Price[], nowMs: number): Price | undefined =>
  prices.find((price) => price.validFromMs <= nowMs);
