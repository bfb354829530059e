/**
 * Which idle sequence a prompt goes to: the one that has evaluated most of it already. Where none has much of
 * it, the one that nobody has used for longest, so that longer prefixes of others survive.
 */
export type IdleSequence = {
  /** What the sequence has evaluated. */
  tokens: readonly number[];
  /** Grows with each use. */
  lastUsed: number;
  /** Whose text it holds: a prefix is never shared between tenants, whom timing and usage would tell of it. */
  tenant: string;
};

/** A shorter common beginning, such as a template's first words, is not worth a longer one of somebody else. */
const WORTHWHILE_TOKENS = 24;

/** Index of the sequence and the length of the beginning it can keep. */
export function chooseSequence(
  idle: readonly IdleSequence[],
  prompt: readonly number[],
  tenant: string,
): { index: number; keep: number } | undefined {
  let best: { index: number; keep: number; lastUsed: number; lost: number } | undefined;
  for (const [index, sequence] of idle.entries()) {
    const shared = sequence.tenant === tenant ? commonPrefix(sequence.tokens, prompt) : 0;
    const candidate = {
      index,
      // The last token is always evaluated: only its evaluation gives the next one.
      keep: Math.min(shared, prompt.length - 1),
      lastUsed: sequence.lastUsed,
      lost: sequence.tokens.length - shared,
    };
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best === undefined ? undefined : { index: best.index, keep: best.keep };
}

type Candidate = { keep: number; lastUsed: number; lost: number };

function isBetter(a: Candidate, b: Candidate): boolean {
  const worthA = a.keep >= WORTHWHILE_TOKENS ? a.keep : 0;
  const worthB = b.keep >= WORTHWHILE_TOKENS ? b.keep : 0;
  if (worthA !== worthB) return worthA > worthB;
  // Equally good: give up the one that loses nothing, then the oldest.
  if (worthA > 0 && a.lost !== b.lost) return a.lost < b.lost;
  return a.lastUsed < b.lastUsed;
}

export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a[at] === b[at]) at++;
  return at;
}
