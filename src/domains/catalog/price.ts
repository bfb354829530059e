/** What a model costs, and the rules of its versions. Pure. */
import { Failure } from "../../lib/errors.ts";
import { type Picos, ZERO_PICOS } from "../../lib/money.ts";
import {
  freeUnlessPriced,
  plainQuantityOf,
  type QuantityName,
  quantityNames,
} from "../../lib/quantities.ts";

/** A version is never changed; the next one begins where it ends. */
export type Price = {
  priceVersionId: bigint;
  validFromMs: number;
  /** Pico-dollars per unit. */
  picos: Partial<Record<QuantityName, Picos>>;
};

/** Text in and out are always priced; what else is left out costs as much as the quantity it is a part of. */
export type PriceTerms = Partial<Record<QuantityName, Picos | undefined>> & {
  uncached_input: Picos;
  output_text: Picos;
};

/**
 * Names every quantity that has a price, so that a stored version says by itself what anything costs and no later
 * default can change what an old call cost.
 */
export function completeTerms(terms: PriceTerms): Partial<Record<QuantityName, Picos>> {
  const priceOf = (name: QuantityName): Picos | undefined => {
    const plainer = plainQuantityOf[name];
    if (terms[name] !== undefined) return terms[name];
    if (plainer !== undefined) return priceOf(plainer);
    return freeUnlessPriced.includes(name) ? ZERO_PICOS : undefined;
  };
  const complete: Partial<Record<QuantityName, Picos>> = {};
  for (const name of quantityNames) {
    const price = priceOf(name);
    if (price !== undefined) complete[name] = price;
  }
  return complete;
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
