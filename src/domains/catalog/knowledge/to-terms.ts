/** A price of `@pydantic/genai-prices` as terms of ours: the table of its words, and what it charges beyond ours. */
import type { ModelPrice } from "@pydantic/genai-prices";
import type { Picos } from "../../../lib/money.ts";
import type { QuantityName } from "../../../lib/quantities.ts";
import type { PriceTerms, UnitPrices } from "../price.ts";
import { picosFromListPrice } from "./list-price.ts";

/** What each of its prices is for, and for how many units it is. Of several for one quantity the dearest counts. */
const words: Readonly<Record<string, { quantity: QuantityName; units: bigint }>> = {
  input_mtok: { quantity: "uncached_input", units: 1_000_000n },
  cache_read_mtok: { quantity: "cache_read", units: 1_000_000n },
  cache_write_mtok: { quantity: "cache_write", units: 1_000_000n },
  cache_write_5m_mtok: { quantity: "cache_write", units: 1_000_000n },
  cache_write_1h_mtok: { quantity: "cache_write_1h", units: 1_000_000n },
  input_audio_mtok: { quantity: "audio_input", units: 1_000_000n },
  input_image_mtok: { quantity: "image_input", units: 1_000_000n },
  output_mtok: { quantity: "output_text", units: 1_000_000n },
  output_reasoning_mtok: { quantity: "reasoning", units: 1_000_000n },
  output_audio_mtok: { quantity: "audio_output", units: 1_000_000n },
  output_image_mtok: { quantity: "image_output", units: 1_000_000n },
  requests_kcount: { quantity: "requests", units: 1_000n },
  audio_hours: { quantity: "audio_seconds", units: 3_600n },
  input_audio_hours: { quantity: "audio_seconds", units: 3_600n },
  output_audio_hours: { quantity: "audio_seconds", units: 3_600n },
  input_mchars: { quantity: "characters", units: 1_000_000n },
  rerank_searches_kcount: { quantity: "search_units", units: 1_000n },
  web_searches_kcount: { quantity: "search_units", units: 1_000n },
};

/** Its price keys that have no word of ours: whoever uses what they are for pays the provider more than we charge. */
export const unknownWords = (price: ModelPrice): string[] =>
  Object.keys(price).filter((word) => price[word] !== undefined && !(word in words));

/**
 * The dearest of several prices, quantity by quantity and tier by tier: a price that depends on the time of day is
 * charged as at its dearest hour. Undefined: nothing in them is a price of ours, or all of it is zero, which in a
 * list may as well mean that nobody knows.
 */
export function toTerms(prices: readonly ModelPrice[]): PriceTerms | undefined {
  const bounds = new Set([0, ...prices.flatMap(tierBounds)]);
  const [base = {}, ...tiers] = [...bounds]
    .sort((a, b) => a - b)
    .map((above) => dearestAbove(prices, above));
  const isPriced = [base, ...tiers].some((units) => Object.values(units).some((unit) => unit > 0n));
  if (!isPriced) return undefined;
  const contextTiers = [...bounds]
    .sort((a, b) => a - b)
    .slice(1)
    .map((aboveInputTokens, i) => ({ aboveInputTokens, picos: tiers[i] ?? {} }));
  return contextTiers.length === 0 ? base : { ...base, contextTiers };
}

const tierBounds = (price: ModelPrice): number[] =>
  Object.entries(price).flatMap(([word, amount]) =>
    typeof amount === "object" && word in words ? amount.tiers.map((tier) => tier.start) : [],
  );

/** As the list reads it: a tier holds for the whole call when its input has more tokens than the tier's start. */
function dearestAbove(prices: readonly ModelPrice[], above: number): UnitPrices {
  const dearest: Partial<Record<QuantityName, Picos>> = {};
  for (const price of prices) {
    for (const [word, amount] of Object.entries(price)) {
      const meaning = words[word];
      if (meaning === undefined || amount === undefined) continue;
      const unit = picosFromListPrice(usdAbove(amount, above), meaning.units);
      const known = dearest[meaning.quantity];
      if (known === undefined || unit > known) dearest[meaning.quantity] = unit;
    }
  }
  return dearest;
}

function usdAbove(amount: NonNullable<ModelPrice[string]>, above: number): number {
  if (typeof amount === "number") return amount;
  let usd = amount.base;
  for (const tier of amount.tiers.toSorted((a, b) => a.start - b.start)) {
    if (tier.start <= above) usd = tier.price;
  }
  return usd;
}
