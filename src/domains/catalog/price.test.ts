import { describe, expect, test } from "bun:test";
import { picos } from "../../lib/money.ts";
import { assertNotInThePast, completeTerms, type Price, priceAt, termsFor } from "./price.ts";
import { toCells, toTerms } from "./price-cells.ts";

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

describe("tiers of a price", () => {
  const input = (amount: bigint) => ({ uncached_input: picos(amount), output_text: picos(9n) });

  test("keep what the tier below them says, and stand in their order", () => {
    const { contextTiers } = completeTerms({
      ...input(3n),
      cache_read: picos(1n),
      contextTiers: [
        { aboveInputTokens: 500, picos: { output_text: picos(20n) } },
        { aboveInputTokens: 100, picos: { uncached_input: picos(6n) } },
      ],
    });

    expect(contextTiers?.map((tier) => tier.aboveInputTokens)).toEqual([100, 500]);
    expect(contextTiers?.[0]?.picos).toMatchObject({
      ...{ uncached_input: picos(6n), cache_read: picos(1n), cache_write: picos(6n) },
      output_text: picos(9n),
    });
    expect(contextTiers?.[1]?.picos).toMatchObject({
      ...{ uncached_input: picos(6n), output_text: picos(20n), reasoning: picos(20n) },
    });
  });

  test("of service keep nothing of another one: what they do not name is not priced there", () => {
    const terms = completeTerms({
      ...input(4n),
      ...{ cache_read: picos(1n), images: picos(7n) },
      serviceTiers: { batch: { uncached_input: picos(2n) } },
    });
    const price: Price = { priceVersionId: 1n, validFromMs: 0, ...toTerms(toCells(terms)) };

    expect(termsFor(price, "standard")).toMatchObject({ cache_read: picos(1n), images: picos(7n) });
    expect(termsFor(price, "batch")).toEqual({
      ...{ uncached_input: picos(2n), cache_read: picos(2n), cache_write: picos(2n) },
      ...{ cache_write_1h: picos(2n), audio_input: picos(2n), image_input: picos(2n) },
      ...{ requests: picos(0n), cache_hits: picos(0n) },
    });
    expect(termsFor(price, "flex")).toBeUndefined();
  });

  test("are the same when they come back from their cells", () => {
    const terms = completeTerms({
      ...input(4n),
      contextTiers: [{ aboveInputTokens: 10, picos: input(5n) }],
      serviceTiers: {
        priority: {
          ...input(8n),
          contextTiers: [{ aboveInputTokens: 20, picos: { images: picos(1n) } }],
        },
      },
    });
    const { serviceTiers, ...standard } = terms;

    expect(toTerms(toCells(terms))).toEqual({ picos: standard, serviceTiers: serviceTiers ?? {} });
  });

  test("are refused where they are none", () => {
    const tiersAt = (...above: number[]) =>
      above.map((aboveInputTokens) => ({ aboveInputTokens, picos: input(1n) }));
    const refused = (contextTiers: ReturnType<typeof tiersAt>) =>
      expect(() => completeTerms({ ...input(1n), contextTiers }));

    refused(tiersAt(7, 7)).toThrow("Two context tiers begin above 7");
    refused(tiersAt(0)).toThrow("begins above 1");
    refused(tiersAt(1.5)).toThrow("begins above 1");
    refused(tiersAt(...Array.from({ length: 9 }, (_, i) => i + 1))).toThrow("at most 8");
    expect(() => completeTerms({})).toThrow("names at least one quantity");
    expect(() => completeTerms({ ...input(1n), serviceTiers: { flex: {} } })).toThrow(
      "at least one",
    );
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
