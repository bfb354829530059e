/**
 * Usage as a vector of disjoint quantities. Providers report cached tokens inside the prompt tokens
 * (OpenAI) or beside them (Anthropic), reasoning inside the completion; a dialect turns what it reads into
 * these parts, whose sum is the provider's total, before anything is priced.
 */

/** Tokens that go in. What is written to a provider's cache is kept for minutes, or for an hour, which costs more. */
export const inputTokenNames = [
  "uncached_input",
  "cache_read",
  "cache_write",
  "cache_write_1h",
  "audio_input",
  "image_input",
] as const;

/** Tokens that come out. */
export const outputTokenNames = [
  "output_text",
  "reasoning",
  "audio_output",
  "image_output",
] as const;

/**
 * What is not measured in tokens.
 *
 * - `audio_seconds`: begun seconds of speech that is heard or spoken.
 * - `characters`: of a text that is spoken.
 * - `search_units`: searches that are billed apart, as the provider counts them: of reranking, or of the web within a call.
 * - `cache_hits`: answers from our own response cache.
 */
export const pieceNames = [
  "images",
  "audio_seconds",
  "characters",
  "search_units",
  "requests",
  "cache_hits",
] as const;

/** Units: tokens, unless the name says otherwise. Each is a column of `usage_event`. */
export const quantityNames = [...inputTokenNames, ...outputTokenNames, ...pieceNames] as const;

export type QuantityName = (typeof quantityNames)[number];

/**
 * The plainer quantity that a special one is a case of. Where a price does not name the special one, it costs as
 * much as the plainer one, which is how providers bill it. A piece is a case of nothing: what no price names has
 * no price, and that is not a price of zero.
 */
export const plainQuantityOf: Readonly<Partial<Record<QuantityName, QuantityName>>> = {
  cache_read: "uncached_input",
  cache_write: "uncached_input",
  cache_write_1h: "cache_write",
  audio_input: "uncached_input",
  image_input: "uncached_input",
  reasoning: "output_text",
  audio_output: "output_text",
  image_output: "output_text",
};

/** Our own additions to what providers bill: free unless a price names them. */
export const freeUnlessPriced: readonly QuantityName[] = ["requests", "cache_hits"];

/** Units are whole and far below 2^53; a quantity that is not named is zero. */
export type Quantities = Readonly<Partial<Record<QuantityName, number>>>;

/**
 * How the quantities became known.
 *
 * - `provider`: the provider reported them with its answer.
 * - `lookup`: the provider was asked afterwards, by the id of the attempt.
 * - `counted`: we counted what was delivered; the event is marked as estimated.
 * - `cache`: our own response cache answered, and no provider worked.
 * - `none`: the attempt ended before the provider could have worked on it; zero is known, not assumed.
 */
export const usageSources = ["provider", "lookup", "counted", "cache", "none"] as const;
export type UsageSource = (typeof usageSources)[number];

/** Everything read of an attempt's usage. `raw` is the provider's own usage object, kept for audits. */
export type Usage = {
  quantities: Quantities;
  source: UsageSource;
  raw: unknown;
};

export const inputTokensOf = (quantities: Quantities): number => sumOf(quantities, inputTokenNames);

/** What of a usage went in; undefined while nothing is known to have. */
export function inputPartOf(quantities: Quantities): Quantities | undefined {
  const part = inputTokenNames.flatMap((name) => {
    const count = quantities[name] ?? 0;
    return count === 0 ? [] : [[name, count]];
  });
  return part.length === 0 ? undefined : Object.fromEntries(part);
}

export const outputTokensOf = (quantities: Quantities): number =>
  sumOf(quantities, outputTokenNames);

function sumOf(quantities: Quantities, names: readonly QuantityName[]): number {
  let sum = 0;
  for (const name of names) sum += quantities[name] ?? 0;
  return sum;
}

/** Known to have used nothing: refused, or never dispatched. */
export const NO_USAGE: Usage = { quantities: {}, source: "none", raw: null };

/** Answered from our own response cache. */
export const CACHE_HIT: Usage = { quantities: { cache_hits: 1 }, source: "cache", raw: null };

/** What we counted ourselves, for when nobody says better. */
export const countedUsage = (count: { inputTokens: number; outputTokens: number }): Usage => ({
  quantities: { uncached_input: count.inputTokens, output_text: count.outputTokens },
  source: "counted",
  raw: null,
});
