import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backoffMs, sleep } from "./backoff.ts";

describe("backoff", () => {
  test("the bound doubles with each failure, up to the maximum", () => {
    const backoff = { firstMs: 100, maxMs: 1_000 };
    expect([1, 2, 3, 4, 5, 99].map((failures) => backoffMs(backoff, failures, 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  test("chance spreads the waits, and none leaves its bounds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, chance) => {
          const ms = backoffMs({ firstMs: 50, maxMs: 5_000 }, failures, chance);
          expect(ms).toBeGreaterThanOrEqual(0);
          expect(ms).toBeLessThanOrEqual(5_000);
        },
      ),
    );
    expect(backoffMs({ firstMs: 100, maxMs: 1_000 }, 3, 0.5)).toBe(200);
  });
});

describe("sleep", () => {
  test("says whether the whole time has passed", async () => {
    expect(await sleep(1)).toBe(true);
    const stop = new AbortController();
    const slept = sleep(60_000, stop.signal);
    stop.abort();
    expect(await slept).toBe(false);
    expect(await sleep(60_000, stop.signal)).toBe(false);
  });
});
