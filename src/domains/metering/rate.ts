/**
 * Price × quantities. Pure and exact: pico-dollars per unit times whole units, summed, never rounded.
 */
import { type Picos, picos, ZERO_PICOS } from "../../lib/money.ts";
import type { Operation } from "../../lib/operations.ts";
import {
  inputTokenNames,
  inputTokensOf,
  outputTokenNames,
  outputTokensOf,
  pieceNames,
  type Quantities,
  type QuantityName,
  quantityNames,
  type Usage,
} from "../../lib/quantities.ts";
import {
  type PriceComponents,
  type UnitPrices,
  unitPriceOf,
  unitPricesAt,
} from "../catalog/index.ts";

export type { PriceComponents };

/** The most that a call can use. */
type UsageLimits = {
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

export const priceNeedsOf: Readonly<Record<Operation, PriceNeeds>> = {
  chat: [["uncached_input"], ["output_text"]],
  embeddings: [["uncached_input"]],
  rerank: [["search_units", "uncached_input"]],
  image_generation: [["images", "image_output"]],
  image_edit: [["images", "image_output"]],
  speech: [["characters", "audio_seconds", "audio_output"]],
  transcription: [["audio_seconds", "audio_input"]],
  moderation: [["uncached_input"]],
};

const ONE_REQUEST: Quantities = { requests: 1 };

/** What is charged of a usage: its quantities and one request; nothing where no provider can have worked. */
export function chargedQuantities(usage: Usage): Quantities {
  if (usage.source === "none") return {};
  return usage.source === "cache" ? usage.quantities : { ...usage.quantities, ...ONE_REQUEST };
}

/**
 * The exact cost of the quantities, by the context tier that all input tokens together reach. What has no price is
 * charged nothing; `unpricedOf` names it.
 */
export function rate(price: PriceComponents, quantities: Quantities): Picos {
  return rateAt(unitPricesAt(price, inputTokensOf(quantities)), quantities);
}

/**
 * What a usage has and its price does not. Calls that need such a price are refused before they begin, so this is
 * a provider that reports what nobody asked for: it is booked with its quantity, charged nothing, and to be told.
 */
export const unpricedOf = (price: PriceComponents, quantities: Quantities): QuantityName[] =>
  quantityNames.filter(
    (name) => (quantities[name] ?? 0) > 0 && unitPriceOf(price, name) === undefined,
  );

/** A call that needs what its price does not name is refused rather than served for nothing. */
export const isPriced = (price: PriceComponents, needs: PriceNeeds): boolean =>
  needs.every((names) => names.some((name) => unitPriceOf(price, name) !== undefined));

/**
 * The most that a call can cost: every input token at the dearest input price, every output token at the dearest
 * output price, by the dearest of the context tiers that its input may reach. Whatever kinds the provider reports,
 * the sum of their parts stays below it.
 */
export function upperBound(price: PriceComponents, limits: UsageLimits): Picos {
  const outputTokens = BigInt(limits.outputTokens + outputTokensOf(limits.fixed ?? {}));
  let most = 0n;
  for (const reachable of reachableBounds(price, limits)) {
    const bound = reachable.beside + reachable.perOutputToken * outputTokens;
    if (bound > most) most = bound;
  }
  return picos(most);
}

/** How many output tokens an amount pays for beside the rest; -1 when not even the rest is covered. */
export function affordableOutputTokens(
  price: PriceComponents,
  limits: Omit<UsageLimits, "outputTokens"> & { amount: Picos },
): number {
  const fixedTokens = BigInt(outputTokensOf(limits.fixed ?? {}));
  let least = BigInt(Number.MAX_SAFE_INTEGER);
  for (const { beside, perOutputToken } of reachableBounds(price, limits)) {
    const rest = limits.amount - beside - perOutputToken * fixedTokens;
    if (rest < 0n) return -1;
    if (perOutputToken === 0n) continue;
    const tokens = rest / perOutputToken;
    if (tokens < least) least = tokens;
  }
  return Number(least);
}

/** By each context tier that the input may reach: what all but the output can cost, and an output token at most. */
function reachableBounds(
  price: PriceComponents,
  { inputTokens, fixed }: Omit<UsageLimits, "outputTokens">,
): { beside: bigint; perOutputToken: bigint }[] {
  const inputTokensMax = inputTokens + inputTokensOf(fixed ?? {});
  const pieces = fixed === undefined ? ONE_REQUEST : { ...piecesOf(fixed), ...ONE_REQUEST };
  const tiers = (price.contextTiers ?? []).filter((tier) => tier.aboveInputTokens < inputTokensMax);
  return [price, ...tiers.map((tier) => tier.picos)].map((prices) => ({
    beside: dearest(prices, inputTokenNames) * BigInt(inputTokensMax) + rateAt(prices, pieces),
    perOutputToken: dearest(prices, outputTokenNames),
  }));
}

function rateAt(prices: UnitPrices, quantities: Quantities): Picos {
  let cost = 0n;
  for (const name of quantityNames) {
    const units = quantities[name];
    if (units !== undefined && units !== 0) cost += unitPrice(prices, name) * BigInt(units);
  }
  return picos(cost);
}

const unitPrice = (prices: UnitPrices, name: QuantityName): Picos =>
  unitPriceOf(prices, name) ?? ZERO_PICOS;

const piecesOf = (quantities: Quantities): Quantities =>
  Object.fromEntries(pieceNames.map((name) => [name, quantities[name] ?? 0]));

function dearest(prices: UnitPrices, names: readonly QuantityName[]): bigint {
  return names.reduce((most, name) => {
    const unit = unitPrice(prices, name);
    return unit > most ? unit : most;
  }, 0n);
}
