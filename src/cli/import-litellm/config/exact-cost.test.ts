import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { picos, usdFromPicos, usdPerMillionFromPicos } from "../../../lib/money.ts";
import { usdFor } from "./exact-cost.ts";

describe("a cost for one token is dollars for a million", () => {
  test.each([
    ["0.0000025", "2.5"],
    ["1.5e-07", "0.15"],
    ["1.25E-6", "1.25"],
    ["0", "0"],
    ["0.0", "0"],
    [".000003", "3"],
    ["3e-6", "3"],
    ["+3e-6", "3"],
    ["1e-12", "0.000001"],
    ["10e-13", "0.000001"],
    ["0.0000001428571", undefined],
    ["1e-13", undefined],
    ["-1e-6", undefined],
    ["free", undefined],
    ["", undefined],
    [".", undefined],
    ["1e999", undefined],
    ["0x10", undefined],
  ] as const)("%p is %p", (source, expected) => {
    expect(usdFor("million", source)).toBe(expected);
  });

  test("to the last digit, however it is written", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.nat({ max: 20 }), (amount, shift) => {
        const source = `${amount * 10n ** BigInt(shift)}e-${12 + shift}`;
        const same = (a: string | undefined, b: string) =>
          expect(a).toBe(b.replace(/\.?0+$/, "") || "0");
        same(usdFor("million", source), usdPerMillionFromPicos(picos(amount)));
        same(usdFor("one", source), usdFromPicos(picos(amount)));
      }),
    );
  });
});
