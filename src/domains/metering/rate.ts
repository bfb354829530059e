/**
 * Price × quantities. Pure and exact: pico-dollars per unit times whole units, summed, never rounded.
 */
import { type Picos, picos, ZERO_PICOS } from "../../lib/money.ts";
import {
  freeUnlessPriced,
  inputTokenNames,
  inputTokensOf,
  outputTokenNames,
  outputTokensOf,
  pieceNames,
  plainQuantityOf,
  type Quantities,
  type QuantityName,
  quantityNames,
  type Usage,
} from "../../lib/quantities.ts";

/** Pico-dollars per unit. A quantity that is not named has no price of its own. */
export type PriceComponents = Readonly<Partial<Record<QuantityName, Picos>>>;

/** The most that a call can use. */
export type UsageLimits = {
  inputTokens: number;
  outputTokens: number;
  /** What is not text: pieces, and tokens beside those that the other limits count. */
  fixed?: Quantities;
};

/**
 * What an operation needs to find priced: of each entry at least one quantity. An image is billed by the piece or by
 * its tokens, so it needs one of them.
 */
export type PriceNeeds = readonly (readonly QuantityName[])[];

const TEXT: PriceNeeds = [["uncached_input"], ["output_text"]];

/** A quantity without a price of its own costs as much as its plainer one. Undefined: it has no price at all. */
export function priceOf(price: PriceComponents, name: QuantityName): Picos | undefined {
  const own = price[name];
  if (own !== undefined) return own;
  const plainer = plainQuantityOf[name];
  if (plainer !== undefined) return priceOf(price, plainer);
  return freeUnlessPriced.includes(name) ? ZERO_PICOS : undefined;
}

/** What is charged of a usage: its quantities and one request; nothing where no provider can have worked. */
export function chargedQuantities(usage: Usage): Quantities {
  if (usage.source === "none") return {};
  return usage.source === "cache" ? usage.quantities : { ...usage.quantities, requests: 1 };
}

/** The exact cost of the quantities. What has no price is charged nothing; `unpricedOf` names it. */
export function rate(price: PriceComponents, quantities: Quantities): Picos {
  let cost = 0n;
  for (const name of quantityNames) {
    const units = quantities[name];
    if (units !== undefined && units !== 0) cost += unitPrice(price, name) * BigInt(units);
  }
  return picos(cost);
}

/**
 * What a usage has and its price does not. Calls that need such a price are refused before they begin, so this is
 * a provider that reports what nobody asked for: it is booked with its quantity, charged nothing, and to be told.
 */
export const unpricedOf = (price: PriceComponents, quantities: Quantities): QuantityName[] =>
  quantityNames.filter((name) => (quantities[name] ?? 0) > 0 && priceOf(price, name) === undefined);

/** A call that needs what its price does not name is refused rather than served for nothing. */
export const isPriced = (price: PriceComponents, needs: PriceNeeds = TEXT): boolean =>
  needs.every((names) => names.some((name) => priceOf(price, name) !== undefined));

/**
 * The most that a call can cost: every input token at the dearest input price, every output token at the
 * dearest output price. Whatever kinds the provider reports, the sum of their parts stays below it.
 */
export function upperBound(price: PriceComponents, limits: UsageLimits): Picos {
  const { fixed = {} } = limits;
  const inputTokens = BigInt(limits.inputTokens + inputTokensOf(fixed));
  const outputTokens = BigInt(limits.outputTokens + outputTokensOf(fixed));
  let most = dearest(price, inputTokenNames) * inputTokens;
  most += dearest(price, outputTokenNames) * outputTokens;
  most += rate(price, { ...piecesOf(fixed), requests: 1 });
  return picos(most);
}

/** How many output tokens an amount pays for beside the rest; -1 when not even the rest is covered. */
export function affordableOutputTokens(
  price: PriceComponents,
  limits: Omit<UsageLimits, "outputTokens"> & { amount: Picos },
): number {
  const rest = limits.amount - upperBound(price, { ...limits, outputTokens: 0 });
  if (rest < 0n) return -1;
  const perToken = dearest(price, outputTokenNames);
  return perToken === 0n ? Number.MAX_SAFE_INTEGER : Number(rest / perToken);
}

const unitPrice = (price: PriceComponents, name: QuantityName): Picos =>
  priceOf(price, name) ?? ZERO_PICOS;

const piecesOf = (quantities: Quantities): Quantities =>
  Object.fromEntries(pieceNames.map((name) => [name, quantities[name] ?? 0]));

function dearest(price: PriceComponents, names: readonly QuantityName[]): bigint {
  return names.reduce((most, name) => {
    const unit = unitPrice(price, name);
    return unit > most ? unit : most;
  }, 0n);
}
