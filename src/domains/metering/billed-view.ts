/**
 * Images, speech, recordings and rankings are billed by the piece or by their tokens. These are views of the same
 * use, not parts of it: a provider tells one of them, or both, and a price names one. Exactly one is charged.
 */
import type { Operation } from "../../lib/operations.ts";
import {
  inputTokenNames,
  outputTokenNames,
  type Quantities,
  type QuantityName,
  quantityNames,
  type Usage,
} from "../../lib/quantities.ts";
import { unitPriceOf } from "../catalog/index.ts";
import { type PriceComponents, priceNeedsOf } from "./rate.ts";

type By = { price: PriceComponents; operation: Operation };

const tokenNames: readonly QuantityName[] = [...inputTokenNames, ...outputTokenNames];

/**
 * What of a usage is charged by this price. Where it names nothing by which the operation is billed of what was told,
 * that is counted: a recording whose tokens are priced costs what its tokens are worth, also when its provider tells
 * only seconds, and an image whose pieces are priced is not free because its provider tells tokens.
 *
 * @param told undefined: nobody said.
 * @param counted views of what we counted, the best first.
 */
export function billedView(by: By, told: Usage | undefined, counted: readonly Quantities[]): Usage {
  // Known to have used nothing: there is nothing to count either.
  if (told?.source === "none" || told?.source === "cache") return told;
  const names = billedNames(by);
  const isBilled = (quantities: Quantities) => names.some((name) => (quantities[name] ?? 0) > 0);
  // Who is asked afterwards tells every view: what is not among them was not used.
  const isKnown = told?.source === "lookup";
  if (told !== undefined && (isKnown || isBilled(told.quantities))) {
    return { ...told, quantities: withoutOtherViews(by, told.quantities) };
  }
  const view = counted.find(isBilled) ?? counted[0];
  const quantities = withoutOtherViews(by, { ...told?.quantities, ...view });
  return { quantities, source: "counted", raw: told?.raw ?? null };
}

/** By which of its views the operation is billed. A price of zero counts where there is no other. */
function billedNames({ price, operation }: By): QuantityName[] {
  const priced = priceNeedsOf[operation]
    .flat()
    .filter((name) => unitPriceOf(price, name) !== undefined);
  const dear = priced.filter((name) => (unitPriceOf(price, name) ?? 0n) > 0n);
  return dear.length > 0 ? dear : priced;
}

/** Without the views that have no price. What is a part of the use stays, priced or not. */
function withoutOtherViews({ price, operation }: By, quantities: Quantities): Quantities {
  const views = priceNeedsOf[operation].flat();
  const pieces = views.filter((name) => !tokenNames.includes(name));
  // Tokens are a view where pieces can be another.
  const hidden = pieces.length === 0 ? [] : [...pieces, ...tokenNames];
  const kept = quantityNames
    .filter((name) => !hidden.includes(name) || unitPriceOf(price, name) !== undefined)
    .map((name) => [name, quantities[name] ?? 0] as const)
    .filter(([, count]) => count > 0);
  return Object.fromEntries(kept);
}
