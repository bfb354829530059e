import { describe, expect, test } from "bun:test";
import { picos } from "../../lib/money.ts";
import { assertNotInThePast, completeTerms, type Price, priceAt } from "./price.ts";

describe("the terms of a price", () => {
  test("name what has a price: special tokens cost what their kind costs, requests nothing, pieces only by name", () => {
    const complete = completeTerms({ uncached_input: picos(3n), output_text: picos(5n) });

    expect(complete).toEqual({
      uncached_input: picos(3n),
      cache_read: picos(3n),
      cache_write: picos(3n),
      cache_write_1h: picos(3n),
      output_text: picos(5n),
      reasoning: picos(5n),
      audio_input: picos(3n),
      audio_output: picos(5n),
      image_output: picos(5n),
      image_input: picos(3n),
      requests: picos(0n),
      cache_hits: picos(0n),
    });
  });

  test("keep what they name, a price of zero included", () => {
    const complete = completeTerms({
      uncached_input: picos(3n),
      output_text: picos(5n),
      cache_read: picos(0n),
      requests: picos(7n),
    });

    expect(complete.cache_read).toBe(picos(0n));
    expect(complete.requests).toBe(picos(7n));
  });
});

describe("the price at a time", () => {
  const prices: Price[] = [
    { priceVersionId: 3n, validFromMs: 300, picos: {} },
    { priceVersionId: 2n, validFromMs: 200, picos: {} },
    { priceVersionId: 1n, validFromMs: 100, picos: {} },
  ];
  const cases: readonly [nowMs: number, version: bigint | undefined][] = [
    [99, undefined],
    [100, 1n],
    [199, 1n],
    [200, 2n],
    [1_000, 3n],
  ];

  for (const [nowMs, version] of cases) {
    test(`${nowMs} is version ${version ?? "none"}`, () => {
      expect(priceAt(prices, nowMs)?.priceVersionId).toBe(version as bigint);
    });
  }
});

test("a price cannot begin in the past, save for the time a request takes", () => {
  const nowMs = Date.parse("2030-06-01T12:00:00Z");

  assertNotInThePast(undefined, nowMs);
  assertNotInThePast(new Date(nowMs - 5_000), nowMs);
  assertNotInThePast(new Date("2031-01-01"), nowMs);
  expect(() => assertNotInThePast(new Date("2030-06-01"), nowMs)).toThrow("lies in the past");
});
