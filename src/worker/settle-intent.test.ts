import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeRecord,
  encodeRecord,
  type Intent,
  usageEventId,
} from "../domains/metering/index.ts";
import { nanos, picos } from "../lib/money.ts";
import { countedUsage, NO_USAGE, type Quantities } from "../lib/quantities.ts";
import { settleIntent, usageOfKept } from "./settle-intent.ts";

const intent = (holdNanos: bigint): Intent => ({
  requestId: "00000000-0000-7000-8000-000000000010",
  attempt: 1,
  organizationId: 1n,
  projectId: 2n,
  keyId: "live000000000001",
  modelId: 3n,
  deploymentId: 4n,
  priceVersionId: 5n,
  serviceTier: "standard",
  leaseIds: [6n, 7n],
  startedAtMs: 1_700_000_000_000,
  inputTokensCounted: 10,
  inputTokensMax: 100,
  outputTokensMax: 50,
  holdNanos: nanos(holdNanos),
  isKept: false,
});

const price = {
  picos: {
    uncached_input: picos(137_001n),
    output_text: picos(1_913_007n),
    requests: picos(7n),
  },
  serviceTiers: { batch: { uncached_input: picos(68_501n), output_text: picos(956_503n) } },
};
const nowMs = 1_700_000_009_000;

describe("an attempt beside chat whose gateway has died", () => {
  const hearing: Intent = {
    ...intent(1_000_000n),
    beside: {
      operation: "transcription",
      counted: [{ audio_seconds: 12 }, { audio_input: 120, output_text: 36 }],
    },
  };

  test("is charged by what its price names, told or counted", () => {
    const perSecond = { picos: { audio_seconds: picos(100_000_007n) } };
    const told = { audio_seconds: 11, audio_input: 110 };
    const quantitiesBy = (terms: typeof price | typeof perSecond, learnt?: Quantities) => {
      const usage = learnt && { quantities: learnt, source: "lookup" as const, raw: null };
      const { quantities, source } = settleIntent(hearing, { usage, price: terms, nowMs });
      return { ...quantities, source };
    };

    expect(quantitiesBy(perSecond, told)).toEqual({
      audio_seconds: 11,
      requests: 1,
      source: "lookup",
    });
    expect(quantitiesBy(price, told)).toEqual({ audio_input: 110, requests: 1, source: "lookup" });
    expect(quantitiesBy(perSecond)).toEqual({ audio_seconds: 12, requests: 1, source: "counted" });
    expect(quantitiesBy(price)).toEqual({
      ...{ audio_input: 120, output_text: 36, requests: 1 },
      source: "counted",
    });
  });

  test("costs nothing when the provider never saw it", () => {
    const event = settleIntent(hearing, { usage: NO_USAGE, price, nowMs });
    expect([event.quantities, event.costPicos]).toEqual([{}, picos(0n)]);
  });

  test("is written down and read again with what was counted", () => {
    const record = encodeRecord({ type: "intent", intent: hearing });
    expect(decodeRecord(record)).toEqual({ type: "intent", intent: hearing });
  });
});

describe("an attempt whose gateway has died", () => {
  test("is charged what the provider says, by the price of its time", () => {
    const usage = {
      ...countedUsage({ inputTokens: 31, outputTokens: 17 }),
      source: "lookup" as const,
      raw: { prompt_tokens: 31 },
    };
    const event = settleIntent(intent(1_000_000n), { usage, price, nowMs });
    const cost = 31n * 137_001n + 17n * 1_913_007n + 7n;

    expect(event).toMatchObject({
      requestId: "00000000-0000-7000-8000-000000000010",
      attempt: 1,
      leaseIds: [6n, 7n],
      outcome: "interrupted",
      source: "lookup",
      endedAtMs: nowMs,
      raw: { prompt_tokens: 31 },
    });
    expect(event.quantities).toEqual({ uncached_input: 31, output_text: 17, requests: 1 });
    expect([event.costPicos, event.chargeNanos, event.uncoveredPicos] as bigint[]).toEqual([
      cost,
      cost / 1_000n,
      0n,
    ]);
  });

  test("costs nothing, not even its request, when the provider never saw it", () => {
    const event = settleIntent(intent(1_000_000n), { usage: NO_USAGE, price, nowMs });

    expect(event.quantities).toEqual({});
    expect([event.costPicos, event.chargeNanos, event.uncoveredPicos] as bigint[]).toEqual([
      0n,
      0n,
      0n,
    ]);
  });

  test("is charged by the prices of the service tier that was asked for", () => {
    const usage = countedUsage({ inputTokens: 31, outputTokens: 17 });
    const asked = { ...intent(1_000_000n), serviceTier: "batch" as const };

    expect(settleIntent(asked, { usage, price, nowMs })).toMatchObject({
      serviceTier: "batch",
      costPicos: 31n * 68_501n + 17n * 956_503n,
    });
    expect(() => settleIntent({ ...asked, serviceTier: "flex" }, { usage, price, nowMs })).toThrow(
      "without a price for flex",
    );
  });

  test("is charged if and only if its answer was kept, where answers are kept before they are charged", () => {
    const usage = {
      ...countedUsage({ inputTokens: 31, outputTokens: 17 }),
      source: "provider" as const,
    };
    const first = { ...intent(1_000_000n), isKept: true };
    const second = { ...first, attempt: 2 };
    const kept = new Map([[usageEventId(second), usage]]);

    expect(usageOfKept(first, kept)).toBe(NO_USAGE);
    expect(usageOfKept(second, kept)).toBe(usage);
    expect(settleIntent(first, { usage: usageOfKept(first, kept), price, nowMs })).toMatchObject({
      source: "none",
      costPicos: 0n,
      quantities: {},
    });
    expect(settleIntent(second, { usage: usageOfKept(second, kept), price, nowMs }).costPicos).toBe(
      picos(31n * 137_001n + 17n * 1_913_007n + 7n),
    );
  });

  test("is never charged more than its hold; the rest is on record", () => {
    const amounts = fc.bigInt({ min: 0n, max: 10_000_000n });
    const tokens = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(amounts, tokens, tokens, (hold, inputTokens, outputTokens) => {
        const usage = countedUsage({ inputTokens, outputTokens });
        const event = settleIntent(intent(hold), { usage, price, nowMs });
        const rest = event.costPicos - event.uncoveredPicos - event.chargeNanos * 1_000n;

        expect(event.chargeNanos).toBeLessThanOrEqual(hold);
        expect(event.uncoveredPicos).toBeGreaterThanOrEqual(0n);
        // Below one nano-dollar, and carried by the account.
        expect(rest >= 0n && rest < 1_000n).toBe(true);
        if (event.uncoveredPicos > 0n) expect(event.chargeNanos).toBe(nanos(hold));
      }),
    );
  });
});
