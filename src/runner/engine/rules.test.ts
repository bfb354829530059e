import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chooseSequence, commonPrefix } from "./choose-sequence.ts";
import { FairQueue } from "./fair-queue.ts";
import { chancesFrom, pickToken } from "./pick-token.ts";
import { type MemoryWish, planMemory } from "./plan-memory.ts";
import { planSlices, SLICE_ALONE, SLICE_BESIDE_OTHERS } from "./plan-slices.ts";

describe("the queue", () => {
  const queueOf = (...items: string[]) => {
    const queue = new FairQueue<{ tenant: string; name: string }>({
      itemsMax: 5,
      itemsMaxPerTenant: 3,
    });
    const added = items.map((name) => queue.add({ tenant: name.charAt(0), name }));
    return { queue, added };
  };
  const drain = (queue: ReturnType<typeof queueOf>["queue"]) => {
    const names: string[] = [];
    for (let item = queue.take(); item; item = queue.take()) names.push(item.name);
    return names;
  };

  test("lets tenants take turns", () => {
    const { queue } = queueOf("a1", "a2", "a3", "b1", "c1");
    expect(drain(queue)).toEqual(["a1", "b1", "c1", "a2", "a3"]);
    expect(queue.length).toBe(0);
  });

  test("is bounded, for all and for each tenant", () => {
    expect(queueOf("a1", "a2", "a3", "a4", "b1", "b2", "c1").added).toEqual([
      ...[true, true, true, false],
      ...[true, true, false],
    ]);
  });

  test("forgets who left", () => {
    const { queue } = queueOf("a1");
    const item = { tenant: "b", name: "b1" };
    queue.add(item);
    expect(queue.remove(item)).toBe(true);
    expect(queue.remove(item)).toBe(false);
    expect(drain(queue)).toEqual(["a1"]);
  });
});

describe("the choice of a sequence", () => {
  const range = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => from + index);
  const idle = (tokens: number[], lastUsed: number, tenant = "t") => ({ tokens, lastUsed, tenant });

  test("takes the longest beginning, and always leaves one token to evaluate", () => {
    const long = idle(range(0, 100), 5);
    const short = idle(range(0, 50), 9);
    expect(chooseSequence([short, long], range(0, 80), "t")).toEqual({ index: 1, keep: 79 });
    expect(chooseSequence([short, long], range(0, 200), "t")).toEqual({ index: 1, keep: 100 });
  });

  test("does not sacrifice a long prefix for a few common words", () => {
    const busy = idle([1, 2, 3, ...range(100, 900)], 1);
    const fresh = idle([], 0);
    expect(chooseSequence([busy, fresh], [1, 2, 3, 7, 8], "t")).toEqual({ index: 1, keep: 0 });
  });

  test("takes the one that was not used for longest, when none fits", () => {
    expect(chooseSequence([idle([1], 7), idle([2], 3), idle([3], 5)], [9, 9], "t")).toEqual({
      index: 1,
      keep: 0,
    });
  });

  test("never shares between tenants", () => {
    expect(chooseSequence([idle(range(0, 100), 1, "other")], range(0, 100), "t")).toEqual({
      index: 0,
      keep: 0,
    });
  });

  test("finds nothing when all are busy", () => {
    expect(chooseSequence([], [1], "t")).toBeUndefined();
  });

  test("common prefixes", () => {
    expect(commonPrefix([1, 2, 3], [1, 2, 4])).toBe(2);
    expect(commonPrefix([], [1])).toBe(0);
  });
});

describe("the slices of a step", () => {
  test("never exceed the budget, and never waste it while something waits", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 5_000 })), fc.nat({ max: 8 }), (rests, generating) => {
        const slices = planSlices(rests, generating);
        const read = slices.reduce((sum, slice) => sum + slice, 0);
        const budget = generating > 0 ? SLICE_BESIDE_OTHERS : SLICE_ALONE;
        expect(read).toBe(
          Math.min(
            budget,
            rests.reduce((sum, rest) => sum + rest, 0),
          ),
        );
        for (const [index, slice] of slices.entries())
          expect(slice).toBeLessThanOrEqual(rests[index] ?? 0);
      }),
    );
  });

  test("go to the first in turn", () => {
    expect(planSlices([1000, 10], 1)).toEqual([64, 0]);
    expect(planSlices([10, 1000], 0)).toEqual([10, 118]);
  });
});

describe("the memory plan", () => {
  const wish = (changes: Partial<MemoryWish>): MemoryWish => ({
    contextTokens: undefined,
    sequences: undefined,
    trainedTokens: 8192,
    freeBytes: 16e9,
    weightsBytes: 100e6,
    contextBytes: async (tokens, sequences) => tokens * sequences * 23_040,
    ...changes,
  });

  test("is generous where there is room", async () => {
    expect(await planMemory(wish({}))).toMatchObject({ contextTokens: 8192, sequences: 8 });
  });

  test("gives up sequences first, then context", async () => {
    expect(await planMemory(wish({ freeBytes: 2.3e9 }))).toMatchObject({
      contextTokens: 8192,
      sequences: 3,
    });
    expect(await planMemory(wish({ freeBytes: 1e9 }))).toMatchObject({
      contextTokens: 4096,
      sequences: 2,
    });
    expect(await planMemory(wish({ freeBytes: 0.3e9 }))).toMatchObject({
      contextTokens: 2048,
      sequences: 1,
    });
  });

  test("does what it was asked for, or explains why it cannot", async () => {
    const asked = { contextTokens: 8192, sequences: 8 };
    expect(await planMemory(wish({ ...asked, freeBytes: 2e9 }))).toMatchObject(asked);
    await expect(planMemory(wish({ ...asked, freeBytes: 1e9 }))).rejects.toThrow(
      "The model needs 1610 MB of memory and 1000 MB are free: 100 MB for the weights and 1510 MB for 8 sequences of 8192 tokens.",
    );
  });

  test("a short context asked for is kept", async () => {
    expect(await planMemory(wish({ contextTokens: 512, freeBytes: 0.3e9 }))).toMatchObject({
      contextTokens: 512,
      sequences: 6,
    });
  });
});

describe("picking a token from probabilities", () => {
  const probabilities = new Map([
    [7, 0.5],
    [8, 0.3],
    [9, 0.2],
  ]);
  const all = { temperature: 1, topK: 0, topP: 1, minP: 0 };

  test("follows the distribution", () => {
    const chance = chancesFrom(42);
    const counts = new Map<number | undefined, number>();
    for (let index = 0; index < 10_000; index++) {
      const token = pickToken(probabilities, all, chance());
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    for (const [token, probability] of probabilities) {
      expect((counts.get(token) ?? 0) / 10_000).toBeCloseTo(probability, 1);
    }
  });

  test("cuts off what the request excludes", () => {
    expect(pickToken(probabilities, { ...all, temperature: 0 }, 0.99)).toBe(7);
    expect(pickToken(probabilities, { ...all, topK: 2 }, 0.999)).toBe(8);
    expect(pickToken(probabilities, { ...all, topP: 0.5 }, 0.999)).toBe(7);
    expect(pickToken(probabilities, { ...all, topP: 0.51 }, 0.999)).toBe(8);
    expect(pickToken(probabilities, { ...all, minP: 0.5 }, 0.999)).toBe(8);
    expect(pickToken(new Map(), all, 0.5)).toBeUndefined();
  });

  test("repeats itself for the same seed", () => {
    const [a, b] = [chancesFrom(7), chancesFrom(7)];
    expect([a(), a(), a()]).toEqual([b(), b(), b()]);
    expect(chancesFrom(8)()).not.toBe(chancesFrom(7)());
  });
});
