/** The log-probability of a token and of its likeliest alternatives, in OpenAI's form. */
export type TopLogprob = { token: string; logprob: number; bytes: number[] | null };
export type TokenLogprob = TopLogprob & { top_logprobs: TopLogprob[] };

/** A probability of zero has no finite logarithm; this is the number OpenAI gives instead. */
const LEAST = -9_999;

export function toLogprob(
  token: number,
  options: {
    probabilities: ReadonlyMap<number, number>;
    top: number;
    text: (token: number) => string;
  },
): TokenLogprob {
  const { probabilities, top, text } = options;
  const alternatives: TopLogprob[] = [];
  for (const [candidate, probability] of probabilities) {
    if (alternatives.length >= top) break;
    alternatives.push(entry(text(candidate), probability));
  }
  return { ...entry(text(token), probabilities.get(token) ?? 0), top_logprobs: alternatives };
}

function entry(token: string, probability: number): TopLogprob {
  return {
    token,
    logprob: probability > 0 ? Math.log(probability) : LEAST,
    // Part of a character has no text of its own, and its bytes are not known here.
    bytes: token.includes("\uFFFD") ? null : [...new TextEncoder().encode(token)],
  };
}
