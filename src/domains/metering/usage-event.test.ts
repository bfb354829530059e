import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import { nanos, picos } from "../../lib/money.ts";
import { operations } from "../../lib/operations.ts";
import { quantityNames, usageSources } from "../../lib/quantities.ts";
import { serviceTiers } from "../../lib/service-tiers.ts";
import { PAYLOAD_BYTES_MAX } from "../../platform/journal/format.ts";
import {
  callFactsOf,
  decodeRecord,
  encodeRecord,
  type Intent,
  type JournalRecord,
  type UsageEvent,
  usageEventId,
} from "./usage-event.ts";

const id = fc.bigInt({ min: 1n, max: 2n ** 62n });
const amount = fc.bigInt({ min: 0n, max: 10n ** 30n });
const timeMs = fc.nat({ max: 4_102_444_800_000 });
const requestId = fc.uuid({ version: 7 }).map((uuid) => `${uuid.slice(0, -1)}0`);

const facts = {
  requestId,
  attempt: fc.nat({ max: ATTEMPTS_MAX - 1 }),
  organizationId: id,
  projectId: id,
  keyId: fc.stringMatching(/^(live|test)[a-z0-9]{12}$/),
  modelId: id,
  deploymentId: id,
  priceVersionId: id,
  serviceTier: fc.constantFrom(...serviceTiers),
  leaseIds: fc.array(id, { minLength: 1, maxLength: 3 }),
  startedAtMs: timeMs,
};

const quantities = fc.record(
  Object.fromEntries(quantityNames.map((name) => [name, fc.nat()])) as Record<
    (typeof quantityNames)[number],
    fc.Arbitrary<number>
  >,
  { requiredKeys: [] },
);

const bounds = {
  inputTokensCounted: fc.nat(),
  inputTokensMax: fc.nat(),
  outputTokensMax: fc.nat(),
  holdNanos: amount.map(nanos),
  isKept: fc.boolean(),
};
const beside = fc.record({
  operation: fc.constantFrom(...operations),
  counted: fc.array(quantities, { maxLength: 2 }),
});
const intent: fc.Arbitrary<Intent> = fc.oneof(
  fc.record({ ...facts, ...bounds }),
  fc.record({ ...facts, ...bounds, beside }),
);

const usage: fc.Arbitrary<UsageEvent> = fc.record({
  ...facts,
  endedAtMs: timeMs,
  outcome: fc.constantFrom("completed", "disconnected", "failed", "interrupted"),
  source: fc.constantFrom(...usageSources),
  quantities,
  costPicos: amount.map(picos),
  chargeNanos: amount.map(nanos),
  uncoveredPicos: amount.map(picos),
  // What JSON can hold, and small, as usage objects are.
  raw: fc
    .json({ maxDepth: 3 })
    .filter((text) => text.length < 2_000)
    .map((text): unknown => JSON.parse(text)),
});

const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  intent.map((one): JournalRecord => ({ type: "intent", intent: one })),
  usage.map((event): JournalRecord => ({ type: "usage", event })),
  id.map((leaseId): JournalRecord => ({ type: "lease_closed", leaseId })),
);

describe("a journal record", () => {
  test("is read as what was written", () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(decodeRecord(encodeRecord(one))).toEqual(one);
      }),
    );
  });

  test("of before there were service tiers and kept answers is read as what it was", () => {
    const facts =
      '"r":"00000000-0000-7000-8000-000000000010","a":0,"o":"1","p":"2","k":"live","m":"3","d":"4","v":"5","l":["6"],"s":7';

    const before = decodeRecord(`{"t":"i",${facts},"ic":1,"im":2,"om":3,"hn":"4"}`);
    const ended = decodeRecord(
      `{"t":"u",${facts},"e":8,"oc":"completed","us":"provider","q":{},"c":"0","n":"0","x":"0","raw":null}`,
    );

    expect(before).toMatchObject({ intent: { serviceTier: "standard", isKept: false } });
    expect(ended).toMatchObject({ event: { serviceTier: "standard", chargeNanos: 0n } });
    // What is not said takes no room on the hot path's only disk traffic.
    expect(encodeRecord(before)).toBe(`{"t":"i",${facts},"ic":1,"im":2,"om":3,"hn":"4"}`);
  });

  test("fits the journal even with an unusual usage object, which is then not kept", () => {
    fc.assert(
      fc.property(usage, fc.nat({ max: 400_000 }), (event, size) => {
        const encoded = encodeRecord({ type: "usage", event: { ...event, raw: "ü".repeat(size) } });
        expect(encoded.length * 3).toBeLessThan(PAYLOAD_BYTES_MAX);
        const decoded = decodeRecord(encoded);
        expect(decoded).toMatchObject({ type: "usage", event: { costPicos: event.costPicos } });
      }),
      {
        numRuns: 20,
        examples: [
          [sampleUsage, 8_190],
          [sampleUsage, 8_191],
        ],
      },
    );
  });

  test("of the same attempt has the same id, and no other", () => {
    fc.assert(
      fc.property(intent, fc.nat({ max: ATTEMPTS_MAX - 1 }), (one, attempt) => {
        expect(usageEventId(callFactsOf(one))).toBe(usageEventId(one));
        const isSame = attempt === one.attempt;
        expect(usageEventId({ ...one, attempt }) === usageEventId(one)).toBe(isSame);
      }),
    );
  });
});

const [sampleUsage] = fc.sample(usage, { numRuns: 1, seed: 1 }) as [UsageEvent];
