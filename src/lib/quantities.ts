/**
 * Usage as a vector of disjoint quantities. Providers report cached tokens inside the prompt tokens
 * (OpenAI) or beside them (Anthropic), reasoning inside the completion; a dialect turns what it reads into
 * these parts, whose sum is the provider's total, before anything is priced.
 */

/** In the order of the columns of `usage_event`. Units: tokens, unless the name says otherwise. */
export const quantityNames = [
  "uncached_input",
  "cache_read",
  "cache_write",
  "output_text",
  "reasoning",
  "audio_input",
  "audio_output",
  "image_input",
  "requests",
] as const;

export type QuantityName = (typeof quantityNames)[number];

/**
 * The plain quantity that a special one is a case of. Where a price list does not name the special one, it costs
 * as much as the plain one, which is how providers bill it.
 */
export const plainQuantityOf: Readonly<
  Partial<Record<QuantityName, "uncached_input" | "output_text">>
> = {
  cache_read: "uncached_input",
  cache_write: "uncached_input",
  audio_input: "uncached_input",
  image_input: "uncached_input",
  reasoning: "output_text",
  audio_output: "output_text",
};

/** Units are whole and far below 2^53; a quantity that is not named is zero. */
export type Quantities = Readonly<Partial<Record<QuantityName, number>>>;

/**
 * How the quantities became known.
 *
 * - `provider`: the provider reported them with its answer.
 * - `lookup`: the provider was asked afterwards, by the id of the attempt.
 * - `counted`: we counted what was delivered; the event is marked as estimated.
 * - `none`: the attempt ended before the provider could have worked on it; zero is known, not assumed.
 */
export type UsageSource = "provider" | "lookup" | "counted" | "none";

/** Everything read of an attempt's usage. `raw` is the provider's own usage object, kept for audits. */
export type Usage = {
  quantities: Quantities;
  source: UsageSource;
  raw: unknown;
};

export const inputTokensOf = (q: Quantities): number =>
  (q.uncached_input ?? 0) +
  (q.cache_read ?? 0) +
  (q.cache_write ?? 0) +
  (q.audio_input ?? 0) +
  (q.image_input ?? 0);

export const outputTokensOf = (q: Quantities): number =>
  (q.output_text ?? 0) + (q.reasoning ?? 0) + (q.audio_output ?? 0);

/** Known to have used nothing: refused, or never dispatched. */
export const NO_USAGE: Usage = { quantities: {}, source: "none", raw: null };

/** What we counted ourselves, for when nobody says better. */
export const countedUsage = (count: { inputTokens: number; outputTokens: number }): Usage => ({
  quantities: { uncached_input: count.inputTokens, output_text: count.outputTokens },
  source: "counted",
  raw: null,
});
