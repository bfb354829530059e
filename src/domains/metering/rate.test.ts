import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nanosCovering, type Picos, picos } from "../../lib/money.ts";
import {
  CACHE_HIT,
  countedUsage,
  inputTokensOf,
  NO_USAGE,
  outputTokensOf,
  pieceNames,
  type Quantities,
  type QuantityName,
  quantityNames,
} from "../../lib/quantities.ts";
import { unitPriceOf } from "../catalog/index.ts";
import {
  affordableOutputTokens,
  chargedQuantities,
  isPriced,
  type PriceComponents,
  priceNeedsOf,
  rate,
  unmetNeeds,
  unpricedOf,
  upperBound,
} from "./rate.ts";

const price = fc
  .record(
    Object.fromEntries(
      quantityNames.map((name) => [name, fc.bigInt({ min: 0n, max: 10n ** 9n })]),
    ) as Record<QuantityName, fc.Arbitrary<bigint>>,
    { requiredKeys: ["uncached_input", "output_text"] },
  )
  .map((components) => components as PriceComponents);

/** Usage as a provider could report it, in any split between the kinds; one request. */
const quantities = (unitsMax: number) =>
  fc
    .record(
      Object.fromEntries(
        quantityNames.map((name) => [
          name,
          name === "requests" ? fc.constant(1) : fc.nat({ max: unitsMax }),
        ]),
      ) as Record<QuantityName, fc.Arbitrary<number>>,
      { requiredKeys: [] },
    )
    .map((units) => units as Quantities);

/** Totals as a plan knows them beforehand, and what is not counted in tokens. */
const split = (units: Quantities) => ({
  inputTokens: inputTokensOf(units),
  outputTokens: outputTokensOf(units),
  pieces: Object.fromEntries(pieceNames.map((name) => [name, units[name] ?? 0])) as Quantities,
});

/** One unit after the other, and the parents written out again. */
function rateUnitByUnit(components: PriceComponents, units: Quantities): bigint {
  const parents: Partial<Record<QuantityName, QuantityName>> = {
    cache_read: "uncached_input",
    cache_write: "uncached_input",
    cache_write_1h: "cache_write",
    audio_input: "uncached_input",
    image_input: "uncached_input",
    reasoning: "output_text",
    audio_output: "output_text",
    image_output: "output_text",
  };
  let cost = 0n;
  for (const name of quantityNames) {
    for (let unit = 0; unit < (units[name] ?? 0); unit++) {
      let priced: QuantityName | undefined = name;
      while (priced !== undefined && components[priced] === undefined) priced = parents[priced];
      if (priced !== undefined) cost += components[priced] ?? 0n;
    }
  }
  return cost;
}

describe("rating", () => {
  test("an example: cached input at a tenth of the price, reasoning as output", () => {
    const components = {
      uncached_input: picos(2_500_000n),
      cache_read: picos(250_000n),
      output_text: picos(10_000_000n),
    };

    const cost = rate(components, {
      uncached_input: 100,
      cache_read: 900,
      output_text: 20,
      reasoning: 30,
    });

    expect(cost).toBe(picos(250_000_000n + 225_000_000n + 500_000_000n));
  });

  test("equals a model that adds one unit after the other", () => {
    fc.assert(
      fc.property(price, quantities(60), (components, units) => {
        expect(rate(components, units)).toBe(picos(rateUnitByUnit(components, units)));
      }),
    );
  });

  test("is exact far beyond what a number can hold", () => {
    const units = Number.MAX_SAFE_INTEGER;
    expect(rate({ output_text: picos(999_999_999n) }, { output_text: units })).toBe(
      picos(999_999_999n * BigInt(units)),
    );
  });

  test("needs a price for what its operation uses", () => {
    const { chat, embeddings, image_generation: images } = priceNeedsOf;
    const text = { uncached_input: picos(0n), output_text: picos(0n) };
    const image = { images: picos(40_000_000_000n) };

    expect(isPriced(text, chat)).toBe(true);
    expect(isPriced({ output_text: picos(1n) }, chat)).toBe(false);
    expect(isPriced({ uncached_input: picos(1n) }, chat)).toBe(false);
    expect(isPriced({ uncached_input: picos(1n) }, embeddings)).toBe(true);
    expect(isPriced(text, images)).toBe(true);
    expect(isPriced(image, images)).toBe(true);
    expect(unmetNeeds(image, chat)).toEqual([["uncached_input"], ["output_text"]]);
    expect(unmetNeeds({}, images)).toEqual([["images", "image_output"]]);
  });

  test("knows no price of a piece that is not named, and that is not a price of zero", () => {
    const price = { uncached_input: picos(7n), output_text: picos(9n), characters: picos(0n) };

    expect(unitPriceOf(price, "cache_write_1h")).toBe(picos(7n));
    expect(unitPriceOf(price, "images")).toBeUndefined();
    expect(unitPriceOf(price, "characters")).toBe(picos(0n));
    expect(unitPriceOf(price, "requests")).toBe(picos(0n));
    expect(unitPriceOf(price, "cache_hits")).toBe(picos(0n));
    expect(unpricedOf(price, { images: 1, characters: 5, reasoning: 3, audio_seconds: 0 })).toEqual(
      ["images"],
    );
  });

  test("charges one request beside the usage, and a hit of our cache without one", () => {
    expect(chargedQuantities(NO_USAGE)).toEqual({});
    expect(chargedQuantities(CACHE_HIT)).toEqual({ cache_hits: 1 });
    expect(chargedQuantities(countedUsage({ inputTokens: 2, outputTokens: 3 }))).toEqual({
      uncached_input: 2,
      output_text: 3,
      requests: 1,
    });
  });
});

describe("the upper bound", () => {
  test("is never below the cost, however the totals are split into kinds", () => {
    fc.assert(
      fc.property(price, quantities(1_000_000), (components, units) => {
        const { inputTokens, outputTokens, pieces } = split(units);
        const bound = upperBound(components, { inputTokens, outputTokens, fixed: pieces });
        expect(rate(components, units)).toBeLessThanOrEqual(bound);
        // Whoever knows the kinds beforehand may name all of them as fixed.
        const fixed = upperBound(components, { inputTokens: 0, outputTokens: 0, fixed: units });
        expect(fixed).toBe(bound);
      }),
    );
  });

  test("holds pieces at their price", () => {
    const components = { images: picos(40n), image_output: picos(3n), requests: picos(1n) };
    const limits = { inputTokens: 9, outputTokens: 0, fixed: { images: 2, image_output: 100 } };

    expect(upperBound(components, limits)).toBe(picos(381n));
  });

  test("is reached by the dearest kinds", () => {
    const components = {
      uncached_input: picos(3n),
      cache_write: picos(4n),
      output_text: picos(5n),
    };
    const units = { cache_write: 10, output_text: 7, requests: 1 };

    expect(upperBound(components, { inputTokens: 10, outputTokens: 7 })).toBe(
      rate(components, units),
    );
  });

  test("of what an amount affords is within the amount, and one token more is not", () => {
    fc.assert(
      fc.property(
        price,
        fc.nat({ max: 100_000 }),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        fc.nat({ max: 10 }),
        (components, inputTokens, nanoDollars, images) => {
          const amount = (nanoDollars * 1000n) as Picos;
          const fixed = { images };
          const tokens = affordableOutputTokens(components, { inputTokens, amount, fixed });
          const holdFor = (outputTokens: number) =>
            nanosCovering(upperBound(components, { inputTokens, outputTokens, fixed }));

          if (tokens < 0) {
            expect(holdFor(0)).toBeGreaterThan(nanoDollars);
          } else if (tokens < Number.MAX_SAFE_INTEGER) {
            expect(holdFor(tokens)).toBeLessThanOrEqual(nanoDollars);
            expect(holdFor(tokens + 1)).toBeGreaterThan(nanoDollars);
          } else {
            // Output for nothing: any number of tokens is within the amount.
            expect(holdFor(1_000_000)).toBeLessThanOrEqual(nanoDollars);
          }
        },
      ),
    );
  });
});
