/**
 * How much of each waiting prompt one step reads. llama.cpp would read a long prompt in one go and keep every
 * other stream waiting for seconds; here a step has a budget of tokens, and between two steps every stream
 * gets its next token and every cancellation is seen.
 */

/** While others generate: about 0.1 s on one core for a 135M model. Fewer tokens cost as much time. */
export const SLICE_BESIDE_OTHERS = 64;
/** While nobody waits for a next token: larger slices read faster, but cancellations must be seen soon. */
export const SLICE_ALONE = 128;

/**
 * `rests`: the tokens each prompt still has, in the order of turns. Returns how many of each to read now; a
 * short prompt leaves the rest of the budget to the next one.
 */
export function planSlices(rests: readonly number[], generating: number): number[] {
  let budget = generating > 0 ? SLICE_BESIDE_OTHERS : SLICE_ALONE;
  return rests.map((rest) => {
    const slice = Math.min(rest, budget);
    budget -= slice;
    return slice;
  });
}
