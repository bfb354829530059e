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
import { type UnitPrices, unitPriceOf } from "../catalog/index.ts";
import { completeTerms } from "../catalog/price.ts";
import {
  affordableOutputTokens,
  chargedQuantities,
  isPriced,
  type PriceComponents,
  priceNeedsOf,
  rate,
  unpricedOf,
  upperBound,
} from "./rate.ts";

const unitPrices = (requiredKeys: QuantityName[]): fc.Arbitrary<UnitPrices> =>
  fc
    .record(
      Object.fromEntries(
        quantityNames.map((name) => [name, fc.bigInt({ min: 0n, max: 10n ** 9n })]),
      ) as Record<QuantityName, fc.Arbitrary<bigint>>,
      { requiredKeys },
    )
    .map((prices) => prices as UnitPrices);

/** With up to three context tiers, dearer and cheaper ones, each complete in itself. */
const priceBelow = (aboveMax: number): fc.Arbitrary<PriceComponents> =>
  fc
    .record({
      base: unitPrices(["uncached_input", "output_text"]),
      tiers: fc.uniqueArray(
        fc.record({
          aboveInputTokens: fc.integer({ min: 1, max: aboveMax }),
          picos: unitPrices(["uncached_input"]),
        }),
        { maxLength: 3, selector: (tier) => tier.aboveInputTokens },
      ),
    })
    .map(({ base, tiers }) => completeTerms({ ...base, contextTiers: tiers }));

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

/** One unit after the other, and the parents and the choice of the tier written out again. */
function rateUnitByUnit(
  { contextTiers = [], ...base }: PriceComponents,
  units: Quantities,
): bigint {
  let input = 0;
  for (const name of ["uncached_input", "cache_read", "cache_write", "cache_write_1h"] as const) {
    input += units[name] ?? 0;
  }
  input += (units.audio_input ?? 0) + (units.image_input ?? 0);
  const reached = contextTiers.filter((tier) => input > tier.aboveInputTokens);
  const components = reached.at(-1)?.picos ?? base;
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

  test("goes by the tier that all of the input together reaches, for all of the call", () => {
    const components: PriceComponents = {
      ...{ uncached_input: picos(10n), cache_read: picos(1n), output_text: picos(100n) },
      contextTiers: [
        {
          aboveInputTokens: 200_000,
          picos: { uncached_input: picos(20n), cache_read: picos(2n), output_text: picos(150n) },
        },
      ],
    };
    const costOf = (units: Quantities) => rate(components, units) as bigint;

    expect(costOf({ uncached_input: 200_000, output_text: 1 })).toBe(2_000_100n);
    expect(costOf({ uncached_input: 200_001, output_text: 1 })).toBe(4_000_170n);
    expect(costOf({ uncached_input: 1, cache_read: 200_000, output_text: 1 })).toBe(400_170n);
    expect(costOf({ output_text: 300_000 })).toBe(30_000_000n);
  });

  test("equals a model that adds one unit after the other", () => {
    fc.assert(
      fc.property(priceBelow(240), quantities(60), (components, units) => {
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
    expect(isPriced(image, chat)).toBe(false);
    expect(isPriced({}, images)).toBe(false);
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
      fc.property(priceBelow(4_000_000), quantities(1_000_000), (components, units) => {
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

  test("holds by the dearest tier that the input may reach, and by no other", () => {
    const components: PriceComponents = {
      ...{ uncached_input: picos(3n), output_text: picos(5n) },
      contextTiers: [
        { aboveInputTokens: 100, picos: { uncached_input: picos(2n), output_text: picos(50n) } },
        { aboveInputTokens: 200, picos: { uncached_input: picos(9n), output_text: picos(1n) } },
      ],
    };
    const boundOf = (inputTokens: number) =>
      upperBound(components, { inputTokens, outputTokens: 10 }) as bigint;

    expect(boundOf(100)).toBe(350n);
    // The prompt may turn out to be shorter than its bound: the base price stays possible.
    expect(boundOf(101)).toBe(2n * 101n + 500n);
    expect(boundOf(200)).toBe(2n * 200n + 500n);
    expect(boundOf(201)).toBe(9n * 201n + 10n);
    expect(affordableOutputTokens(components, { inputTokens: 201, amount: picos(2_009n) })).toBe(
      32,
    );
    expect(affordableOutputTokens(components, { inputTokens: 201, amount: picos(1_808n) })).toBe(
      -1,
    );
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
        priceBelow(150_000),
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
