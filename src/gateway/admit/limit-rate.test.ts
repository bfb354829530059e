import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { SharedCounters } from "../../platform/shared-counters.ts";
import type { Gateway } from "../gateway.ts";
import { admit, countTokens } from "./limit-rate.ts";

/** The beginning of a minute. */
const START_MS = 1_700_000_040_000;

let folder: string;
let nowMs: number;
/** Two processes that share one file of counters. */
let gateways: [Gateway, Gateway];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baseload-rate-"));
  nowMs = START_MS;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const open = () =>
    ({ clock, counters: SharedCounters.open(join(folder, "counters.bin")) }) as Gateway;
  gateways = [open(), open()];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keyOf = (limits: { rpm?: number; tpm?: number }, keyId = "live000000000001") =>
  ({ keyId, rpm: limits.rpm ?? null, tpm: limits.tpm ?? null }) as Principal;

/** The failure of a call that is refused, or undefined. */
function call(principal: Principal, gateway: Gateway): Failure | undefined {
  try {
    admit(gateway, principal);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

describe("a limit per minute", () => {
  test("of requests holds over all processes, and a refused one does not count", () => {
    const key = keyOf({ rpm: 4 });
    const [one, other] = gateways;
    const refusals = [one, other, one, other, one, other, one].map((gateway) => call(key, gateway));

    expect(refusals.map((refusal) => refusal?.kind)).toEqual([
      ...Array(4).fill(undefined),
      ...Array(3).fill("rate_limited"),
    ]);
    expect(refusals[5]?.message).toContain("4 requests per minute");
  });

  test("says how long the rest of the minute is, and begins anew after it", () => {
    const key = keyOf({ rpm: 1 });
    const [one, other] = gateways;
    call(key, one);
    nowMs = START_MS + 20_500;
    const refusal = call(key, other);
    nowMs = START_MS + 60_000;

    expect(refusal?.retryAfterSeconds).toBe(40);
    expect(call(key, other)).toBeUndefined();
    expect(call(key, one)?.retryAfterSeconds).toBe(60);
  });

  test("of tokens counts them when they are known", () => {
    const key = keyOf({ tpm: 100 });
    const [one, other] = gateways;
    const before = call(key, one);
    countTokens(one, key, 99);
    const below = call(key, other);
    countTokens(other, key, 1);

    expect([before, below]).toEqual([undefined, undefined]);
    expect(call(key, one)?.message).toContain("100 tokens per minute");
    nowMs += 60_000;
    expect(call(key, one)).toBeUndefined();
  });

  test("is not begun again by one who comes late", () => {
    const key = keyOf({ rpm: 2 });
    const [one, other] = gateways;
    nowMs = START_MS + 60_000;
    call(key, one);
    call(key, one);
    // The other process has read the clock a moment before the minute turned.
    nowMs = START_MS + 59_999;
    expect(call(key, other)).toBeDefined();
    nowMs = START_MS + 60_001;
    expect(call(key, one)).toBeDefined();
  });

  test("of one key is none of another's", () => {
    const [gateway] = gateways;
    call(keyOf({ rpm: 1 }), gateway);

    expect(call(keyOf({ rpm: 1 }, "live000000000002"), gateway)).toBeUndefined();
    expect(call(keyOf({}), gateway)).toBeUndefined();
    expect(call(keyOf({ rpm: 1 }), gateway)).toBeDefined();
  });
});
