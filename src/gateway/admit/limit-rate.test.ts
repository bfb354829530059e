import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallLimits, Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { SharedCounters } from "../../platform/shared-counters.ts";
import { SharedGauges } from "../../platform/shared-gauges.ts";
import type { Gateway } from "../gateway.ts";
import { type Admission, admitCall } from "./limit-rate.ts";

/** The beginning of a minute. */
const START_MS = 1_700_000_040_000;

let folder: string;
let nowMs: number;
/** Two processes that share one file of counters. */
let gateways: [Gateway, Gateway];

beforeEach(() => {
  admitted = [];
  folder = mkdtempSync(join(tmpdir(), "baseload-rate-"));
  nowMs = START_MS;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const open = () =>
    ({
      clock,
      counters: SharedCounters.open(join(folder, "counters.bin")),
      gauges: SharedGauges.open(join(folder, "gauges.bin"), clock),
    }) as Gateway;
  gateways = [open(), open()];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keyOf = (limits: Partial<CallLimits>, counter = "live000000000001") =>
  ({
    limits: [{ rpm: null, tpm: null, concurrency: null, ...limits, counter, subject: "this key" }],
  }) as unknown as Principal;

/** Those that were let in, in turn. */
let admitted: Admission[] = [];

/** The failure of a call that is refused, or undefined. */
function call(principal: Principal, gateway: Gateway): Failure | undefined {
  try {
    admitted.push(admitCall(gateway, { principal }, 0));
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
    admitted[0]?.countTokens(99);
    const below = call(key, other);
    admitted[1]?.countTokens(1);

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

describe("tokens per minute", () => {
  test("count as estimated when a call comes, and as they were when they are known", () => {
    const principal = keyOf({ tpm: 1_000 });
    const [one, other] = gateways;
    const first = admitCall(one, { principal }, 900);
    const second = admitCall(other, { principal }, 200);
    expect(() => admitCall(one, { principal }, 1)).toThrow("1000 tokens per minute");
    first.countTokens(300);
    second.countTokens(200);

    expect(admitCall(one, { principal }, 100).standing.tokens).toEqual({
      limit: 1_000,
      remaining: 400,
    });
  });

  test("are corrected once, whatever attempts follow, and never in a minute that did not count them", () => {
    const principal = keyOf({ tpm: 1_000 });
    const [gateway] = gateways;
    const admission = admitCall(gateway, { principal }, 500);
    admission.countTokens(0);
    admission.countTokens(600);
    const late = admitCall(gateway, { principal }, 100);
    nowMs += 60_000;
    late.countTokens(40);

    expect(admitCall(gateway, { principal }, 0).standing.tokens?.remaining).toBe(1_000);
  });
});

describe("calls at once", () => {
  test("are let in again when one has ended, and only once for each that has", () => {
    const principal = keyOf({ concurrency: 2 });
    const [one, other] = gateways;
    const first = admitCall(one, { principal }, 0);
    admitCall(other, { principal }, 0);
    expect(call(principal, one)?.code).toBe("concurrency_limit_exceeded");

    first.release();
    first.release();

    expect(call(principal, other)).toBeUndefined();
    expect(call(principal, one)?.retryAfterSeconds).toBe(1);
  });
});

test("of a key, its project and its organization all hold, and what one refuses none has counted", () => {
  const [gateway] = gateways;
  const limit = (more: object) => ({ rpm: null, tpm: null, concurrency: null, ...more });
  const principal = {
    limits: [
      limit({ counter: "key", subject: "this key", rpm: 10, concurrency: 5 }),
      limit({ counter: "project:1", subject: "the project 'main'", rpm: 2 }),
    ],
  } as unknown as Principal;
  const { standing } = admitCall(gateway, { principal }, 0);
  call(principal, gateway);
  const refused = call(principal, gateway);

  expect(standing.requests).toEqual({ limit: 2, remaining: 1 });
  expect(refused?.message).toStartWith("The project 'main' may use 2 requests per minute.");
  expect(
    gateway.counters.add("key", Math.floor(nowMs / 60_000), { requests: 0, tokens: 0 }),
  ).toEqual({
    requests: 2,
    tokens: 0,
  });
  expect(gateway.gauges.inUse("key")).toBe(2);
});
