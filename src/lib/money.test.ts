import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Failure } from "./errors.ts";
import {
  nanos,
  nanosCovering,
  nanosFromUsd,
  picos,
  picosFromUsd,
  picosFromUsdPerMillion,
  splitCharge,
  usdFromNanos,
  usdFromPicos,
  usdPerMillionFromPicos,
  ZERO_PICOS,
} from "./money.ts";

const NANOS_MAX = 10n ** 18n - 1n;
const amount = (max: bigint) => fc.bigInt({ min: 0n, max });
const carried = fc.bigInt({ min: 0n, max: 999n });

describe("reading and writing", () => {
  test("examples", () => {
    expect(nanosFromUsd("12.50", "usd")).toBe(nanos(12_500_000_000n));
    expect(usdFromNanos(nanos(12_500_000_000n))).toBe("12.50");
    expect(usdFromNanos(nanos(-1n))).toBe("-0.000000001");
    expect(usdFromNanos(nanos(0n))).toBe("0.00");
    // $0.00875 per million tokens is 8,750 pico-dollars per token: nano-dollars could not hold it.
    expect(picosFromUsdPerMillion("0.00875", "price")).toBe(picos(8_750n));
    expect(usdPerMillionFromPicos(picos(8_750n))).toBe("0.00875");
    expect(picosFromUsd("0.002", "price")).toBe(picos(2_000_000_000n));
    expect(nanosFromUsd("007.100000000000", "usd")).toBe(nanos(7_100_000_000n));
  });

  test("what is written is read as the same amount, in every unit", () => {
    fc.assert(
      fc.property(amount(NANOS_MAX), (value) => {
        expect(nanosFromUsd(usdFromNanos(nanos(value)), "usd")).toBe(nanos(value));
        const perUnit = picos(value);
        expect(picosFromUsd(usdFromPicos(perUnit), "usd")).toBe(perUnit);
        const perMillion = picos(value % 10n ** 15n);
        expect(picosFromUsdPerMillion(usdPerMillionFromPicos(perMillion), "usd")).toBe(perMillion);
      }),
    );
  });

  test("the largest amounts fit PostgreSQL's int8, and larger ones are refused", () => {
    expect(nanosFromUsd("999999999.999999999", "usd")).toBeLessThan(2n ** 63n);
    expect(picosFromUsdPerMillion("999999999.999999", "usd")).toBeLessThan(2n ** 63n);
    expect(picosFromUsd("999999.999999999999", "usd")).toBeLessThan(2n ** 63n);
    expect(() => picosFromUsd("1000000", "usd")).toThrow(Failure);
  });

  test.each([
    ...["", ".", "1.", ".5", "-1", "+1", "1e3", "1,50", " 1", "1 ", "0x10", "Infinity", "١"],
    ...["1000000000", "0.0000000001", "1.2.3", "1_000", "NaN", "1\n"],
  ])("%j is no amount", (text) => {
    expect(() => nanosFromUsd(text, "amount_usd")).toThrow(Failure);
    try {
      nanosFromUsd(text, "amount_usd");
    } catch (error) {
      expect(error).toMatchObject({ kind: "invalid", param: "amount_usd" });
    }
  });
});

describe("charging", () => {
  test("no pico-dollar is lost, however a cost is split into charges", () => {
    fc.assert(
      fc.property(fc.array(amount(10n ** 16n), { maxLength: 50 }), (costs) => {
        let rest = ZERO_PICOS;
        let charged = 0n;
        for (const cost of costs) {
          const split = splitCharge(picos(cost), rest);
          rest = split.carried;
          charged += split.charge;
        }
        expect(1000n * charged + rest).toBe(costs.reduce((sum, cost) => sum + cost, 0n) as never);
        expect(rest).toBeGreaterThanOrEqual(0n);
        expect(rest).toBeLessThan(1000n);
      }),
    );
  });

  test("a charge is never more than what a hold of the same cost covers", () => {
    fc.assert(
      fc.property(amount(10n ** 16n), carried, (cost, rest) => {
        const { charge } = splitCharge(picos(cost), picos(rest));
        expect(charge).toBeLessThanOrEqual(nanosCovering(picos(cost)));
      }),
      {
        examples: [
          [0n, 999n],
          [1n, 999n],
          [1000n, 999n],
          [1001n, 999n],
        ],
      },
    );
  });

  test("what covers an amount is the smallest number of nano-dollars that does", () => {
    fc.assert(
      fc.property(amount(10n ** 16n), (cost) => {
        const covering = nanosCovering(picos(cost));
        expect(covering * 1000n).toBeGreaterThanOrEqual(cost);
        expect((covering - 1n) * 1000n).toBeLessThan(cost === 0n ? 0n : cost);
      }),
    );
  });
});
