/**
 * How long a context and how many sequences the memory allows. llama.cpp reserves the attention cache of
 * every sequence when it starts, used or not, so this is decided before anything is loaded, and a refusal
 * says what would fit.
 */
import { Failure } from "../../lib/errors.ts";

export type MemoryWish = {
  /** What the operator asked for; the rest is chosen. */
  contextTokens: number | undefined;
  sequences: number | undefined;
  /** The context the model was trained with. */
  trainedTokens: number;
  freeBytes: number;
  weightsBytes: number;
  /** Bytes that a context takes: the cache and the working memory. */
  contextBytes: (contextTokens: number, sequences: number) => Promise<number>;
};

export type MemoryPlan = { contextTokens: number; sequences: number; contextBytes: number };

/** Some memory must stay with the rest of the machine. */
const SHARE_MAX = 0.9;
/** Of what is chosen, not asked for: a model that nobody tuned must not crowd out its neighbours. */
const CHOSEN_SHARE_MAX = 0.25;
/** Below this, chats end too soon to be of use. */
const CONTEXT_TOKENS_MIN = 2_048;
/** A batch of eight generates twice as many tokens per second as a single stream, even on one core. */
const SEQUENCES_MAX = 8;

export async function planMemory(wish: MemoryWish): Promise<MemoryPlan> {
  let smallest: MemoryPlan | undefined;
  for (const candidate of candidatesFor(wish)) {
    const contextBytes = await wish.contextBytes(candidate.contextTokens, candidate.sequences);
    smallest = { ...candidate, contextBytes };
    if (fits(smallest, wish)) return smallest;
  }
  throw explain(smallest, wish);
}

/** From the most generous to the least. */
function candidatesFor(wish: MemoryWish): { contextTokens: number; sequences: number }[] {
  const sequences = wish.sequences === undefined ? downFrom(SEQUENCES_MAX) : [wish.sequences];
  const fewest = Math.min(2, sequences[0] ?? 1);
  const contexts = wish.contextTokens === undefined ? halvesOf(wish) : [wish.contextTokens];
  const [full = wish.trainedTokens] = contexts;
  return [
    ...sequences
      .filter((count) => count >= fewest)
      .map((count) => ({ contextTokens: full, sequences: count })),
    ...contexts.slice(1).map((contextTokens) => ({ contextTokens, sequences: fewest })),
    ...sequences
      .filter((count) => count < fewest)
      .map((count) => ({ contextTokens: contexts.at(-1) ?? full, sequences: count })),
  ];
}

const downFrom = (most: number): number[] =>
  Array.from({ length: most }, (_, index) => most - index);

function halvesOf(wish: MemoryWish): number[] {
  const halves = [wish.trainedTokens];
  for (let half = wish.trainedTokens / 2; half >= CONTEXT_TOKENS_MIN; half /= 2) {
    halves.push(Math.floor(half));
  }
  return halves;
}

function fits(plan: MemoryPlan, wish: MemoryWish): boolean {
  if (plan.contextBytes + wish.weightsBytes > wish.freeBytes * SHARE_MAX) return false;
  const asked = wish.contextTokens !== undefined && wish.sequences !== undefined;
  return asked || plan.contextBytes <= wish.freeBytes * CHOSEN_SHARE_MAX;
}

function explain(smallest: MemoryPlan | undefined, wish: MemoryWish): Failure {
  const plan = smallest ?? { contextTokens: 0, sequences: 0, contextBytes: 0 };
  const needed = toMegabytes(plan.contextBytes + wish.weightsBytes);
  return new Failure(
    "overloaded",
    `The model needs ${needed} MB of memory and ${toMegabytes(wish.freeBytes)} MB are free: ` +
      `${toMegabytes(wish.weightsBytes)} MB for the weights and ${toMegabytes(plan.contextBytes)} MB for ` +
      `${plan.sequences} ${plan.sequences === 1 ? "sequence" : "sequences"} of ${plan.contextTokens} tokens. ` +
      "Free memory, or ask for fewer sequences or a shorter context.",
    { code: "insufficient_memory" },
  );
}

const toMegabytes = (bytes: number): number => Math.round(bytes / 1e6);
