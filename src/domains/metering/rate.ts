/**
 * Price × quantities. Pure and exact: pico-dollars per unit times whole units, summed, never rounded.
 */
import { type Picos, picos, ZERO_PICOS } from "../../lib/money.ts";
import {
  plainQuantityOf,
  type Quantities,
  type QuantityName,
  quantityNames,
  type Usage,
} from "../../lib/quantities.ts";

/** Pico-dollars per unit. A quantity that is not named has no price of its own. */
export type PriceComponents = Readonly<Partial<Record<QuantityName, Picos>>>;

const inputKinds = [
  "uncached_input",
  "cache_read",
  "cache_write",
  "audio_input",
  "image_input",
] as const satisfies QuantityName[];
const outputKinds = ["output_text", "reasoning", "audio_output"] as const satisfies QuantityName[];

/** A quantity without a price of its own costs as much as its plain one. Requests cost nothing unless priced. */
export function unitPrice(price: PriceComponents, name: QuantityName): Picos {
  const parent = plainQuantityOf[name];
  return price[name] ?? (parent === undefined ? undefined : price[parent]) ?? ZERO_PICOS;
}

/** What is charged of a usage: its quantities and one request; nothing where the provider cannot have worked. */
export const chargedQuantities = (usage: Usage): Quantities =>
  usage.source === "none" ? {} : { ...usage.quantities, requests: 1 };

/** The exact cost of the quantities. */
export function rate(price: PriceComponents, quantities: Quantities): Picos {
  let cost = 0n;
  for (const name of quantityNames) {
    const units = quantities[name];
    if (units !== undefined && units !== 0) cost += unitPrice(price, name) * BigInt(units);
  }
  return picos(cost);
}

/** Text in and out must be priced; a model without these is refused rather than served for nothing. */
export const isPriced = (price: PriceComponents): boolean =>
  price.uncached_input !== undefined && price.output_text !== undefined;

/**
 * The most that a call can cost: every input token at the dearest input price, every output token at the
 * dearest output price. Whatever kinds the provider reports, the sum of their parts stays below it.
 */
export function upperBound(
  price: PriceComponents,
  limits: { inputTokens: number; outputTokens: number },
): Picos {
  return picos(
    dearest(price, inputKinds) * BigInt(limits.inputTokens) +
      dearest(price, outputKinds) * BigInt(limits.outputTokens) +
      unitPrice(price, "requests"),
  );
}

/** How many output tokens an amount pays for beside the input; -1 when not even the input is covered. */
export function affordableOutputTokens(
  price: PriceComponents,
  limits: { inputTokens: number; amount: Picos },
): number {
  const rest = limits.amount - upperBound(price, { ...limits, outputTokens: 0 });
  if (rest < 0n) return -1;
  const perToken = dearest(price, outputKinds);
  return perToken === 0n ? Number.MAX_SAFE_INTEGER : Number(rest / perToken);
}

function dearest(price: PriceComponents, kinds: readonly QuantityName[]): bigint {
  return kinds.reduce((most, kind) => {
    const unit = unitPrice(price, kind);
    return unit > most ? unit : most;
  }, 0n);
}
