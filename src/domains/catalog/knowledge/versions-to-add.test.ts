import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { picos } from "../../../lib/money.ts";
import { completeTerms, type PriceTerms } from "../price.ts";
import type { KnownModel, KnownPrice } from "./known-model.ts";
import { type Standing, versionsToAdd } from "./versions-to-add.ts";

const NOW = 1_000_000;
const LIST = "genai-prices 0.1.8";
const OLDER_LIST = "genai-prices 0.1.2";

const at = (input: bigint): PriceTerms => ({
  uncached_input: picos(input),
  output_text: picos(9n),
});
const standing = (validFromMs: number, input: bigint, source: string): Standing => {
  const { serviceTiers: _, ...terms } = completeTerms(at(input));
  return { validFromMs, picos: terms, source };
};
const known = (now: bigint, ...later: [fromMs: number, input: bigint][]): KnownModel => {
  const announced = later.map(
    ([fromMs, input]): KnownPrice => ({ validFrom: new Date(fromMs), terms: at(input) }),
  );
  return {
    ...{ source: LIST, provider: "p", model: "m", contextTokens: undefined, notes: [] },
    prices: [{ validFrom: undefined, terms: at(now) }, ...announced],
  };
};
/** When each added version begins, and its input price. */
const added = (prices: readonly Standing[], list: KnownModel) => {
  const { state, versions } = versionsToAdd(prices, list, NOW);
  const shown = versions.map(({ validFrom, terms }) => [
    validFrom?.getTime() ?? "now",
    Number(terms.uncached_input),
  ]);
  return [state, ...shown] as unknown[];
};

describe("prices that a list knows", () => {
  test("are added where an older list said otherwise", () => {
    expect(added([standing(1, 5n, OLDER_LIST)], known(5n))).toEqual(["unchanged"]);
    expect(added([standing(1, 5n, OLDER_LIST)], known(6n))).toEqual(["changed", ["now", 6]]);
  });

  test("are announced for their day, once", () => {
    const list = known(5n, [NOW + 10, 7n], [NOW + 20, 8n]);
    const first = [standing(1, 5n, LIST)];
    const both = [standing(NOW + 20, 8n, LIST), standing(NOW + 10, 7n, LIST), ...first];

    expect(added(first, list)).toEqual(["changed", [NOW + 10, 7], [NOW + 20, 8]]);
    expect(added(both, list)).toEqual(["unchanged"]);
  });

  test("that are announced no longer, or otherwise, are corrected on their day", () => {
    const announced = [standing(NOW + 10, 7n, OLDER_LIST), standing(1, 5n, OLDER_LIST)];

    expect(added(announced, known(5n))).toEqual(["changed", [NOW + 11, 5]]);
    expect(added(announced, known(5n, [NOW + 10, 6n]))).toEqual(["changed", [NOW + 11, 6]]);
    expect(added(announced, known(6n, [NOW + 10, 7n]))).toEqual(["changed", ["now", 6]]);
  });

  test("never replace what an operator has set, now or for later", () => {
    const own = standing(5, 4n, "operator");
    const ownLater = [standing(NOW + 10, 4n, "operator"), standing(1, 5n, LIST)];

    expect(added([own, standing(1, 5n, LIST)], known(6n))).toEqual(["own"]);
    expect(added([own], known(6n, [NOW + 5, 7n]))).toEqual(["own"]);
    expect(added(ownLater, known(6n, [NOW + 20, 8n]))).toEqual(["changed", ["now", 6]]);
    expect(added([], known(6n))).toEqual(["unpriced"]);
    expect(added([standing(NOW + 1, 5n, LIST)], known(6n))).toEqual(["unpriced"]);
  });

  test("keep the service tiers that an operator has set beside them", () => {
    const batch = completeTerms({ ...at(5n), serviceTiers: { batch: at(2n) } }).serviceTiers;
    const tiered: Standing = { ...standing(1, 5n, OLDER_LIST), serviceTiers: batch ?? {} };

    expect(added([tiered], known(5n))).toEqual(["unchanged"]);
    const [version] = versionsToAdd([tiered], known(6n), NOW).versions;
    expect(version?.terms).toMatchObject({ ...at(6n), serviceTiers: { batch: at(2n) } });
    expect(version?.source).toBe(LIST);
  });

  test("once added leave nothing to add, whatever stood there before", () => {
    // Days lie apart: a correction stands a millisecond behind what it corrects.
    const days = (min: number) =>
      fc.integer({ min, max: 5 }).map((day) => NOW + 10 * (day < 1 ? day - 1 : day));
    const input = fc.bigInt({ min: 1n, max: 3n });
    const stands = fc.uniqueArray(
      fc.tuple(days(-4), input, fc.constantFrom(LIST, OLDER_LIST, "operator")),
      { selector: ([fromMs]) => fromMs, maxLength: 6 },
    );
    const later = fc.uniqueArray(fc.tuple(days(1), input), {
      selector: ([fromMs]) => fromMs,
      maxLength: 4,
    });
    fc.assert(
      fc.property(stands, input, later, (before, now, announced) => {
        const list = known(now, ...announced.toSorted(([a], [b]) => a - b));
        const prices = before.map(([fromMs, one, source]) => standing(fromMs, one, source));
        const { versions } = versionsToAdd(prices, list, NOW);
        const after = [
          ...prices,
          // "Now" is the moment at which the row is written, which is a little later.
          ...versions.map(({ validFrom, terms, source }) => ({
            ...standing(
              validFrom?.getTime() ?? NOW + 0.5,
              terms.uncached_input ?? 0n,
              source ?? "",
            ),
          })),
        ];

        expect(versionsToAdd(after, list, NOW + 0.7).versions).toEqual([]);
        const own = prices.filter(({ source }) => source === "operator");
        for (const { validFromMs } of own) {
          expect(versions.some(({ validFrom }) => validFrom?.getTime() === validFromMs)).toBe(
            false,
          );
        }
      }),
    );
  });
});
