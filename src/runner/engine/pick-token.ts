/**
 * Sampling from the model's own distribution, for requests that ask for log-probabilities: llama.cpp reports
 * probabilities after its samplers have cut and rescaled them, so the cutting is done here.
 */
export type Sampling = {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
};

/** `probabilities`: every token, the most likely first. `chance`: from 0 up to 1. */
export function pickToken(
  probabilities: ReadonlyMap<number, number>,
  sampling: Sampling,
  chance: number,
): number | undefined {
  const candidates = cutOff([...probabilities], sampling);
  const [most] = candidates;
  if (most === undefined || sampling.temperature === 0) return most?.[0];
  const weights = candidates.map(([, p]) => (p / most[1]) ** (1 / sampling.temperature));
  let left = chance * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return candidates[index]?.[0];
  }
  return candidates.at(-1)?.[0];
}

type Candidate = [token: number, probability: number];

function cutOff(candidates: Candidate[], sampling: Sampling): Candidate[] {
  const top = sampling.topK > 0 ? candidates.slice(0, sampling.topK) : candidates;
  const whole = top.reduce((sum, [, p]) => sum + p, 0);
  let sum = 0;
  // The token that reaches the share is still in.
  const within = top.filter(([, p]) => {
    const before = sum;
    sum += p;
    return before < sampling.topP * whole;
  });
  const least = (top[0]?.[1] ?? 0) * sampling.minP;
  return within.filter(([, p]) => p >= least);
}

/** A stream of chances from a seed: https://prng.di.unimi.it/splitmix64.c, in 32 bits. */
export function chancesFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
