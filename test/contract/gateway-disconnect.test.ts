/**
 * Clients leave whenever they like: what is billed is what the provider generated until it was told to stop, to
 * the token, and every hold is released. Each client is a socket of its own.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  callRaw,
  type RawCall,
  type RawResult,
  requestIdIn,
  textFramesIn,
} from "../support/raw-client.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { CREDENTIAL, type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import type { PostedEvent, ServedAttempt } from "../support/stack-observation.ts";

const AT_ONCE = 60;
const TOKENS = 80;

let stack: Stack;
let key: CreatedKey;

beforeAll(async () => {
  stack = await startStack({ gateways: 2, lease: { idleMs: 300 } });
  await stack.model({ name: "sim", price: { input: "0.137001", output: "1.913007" } });
  key = await stack.key();
});
afterEach(() => stack.assertNoErrors());
afterAll(() => stack[Symbol.asyncDispose]());

type Leaving = Pick<RawCall, "leave" | "leaveAfterMs"> & { name: string };

const afterFrames = (frames: number): Leaving => ({
  name: `after ${frames} frames`,
  leave: (received) => received.includes("\r\n\r\n") && textFramesIn(received) >= frames,
});
const afterMs = (leaveAfterMs: number): Leaving => ({
  name: `after ${leaveAfterMs} ms`,
  leave: () => false,
  leaveAfterMs,
});

const ways = (chance: SeededRandom): readonly Leaving[] => [
  { name: "as soon as the request is sent", leave: () => true },
  afterMs(chance.between(1, 40)),
  afterMs(chance.between(1, 400)),
  afterFrames(0),
  afterFrames(1),
  afterFrames(5),
  afterFrames(50),
  { name: "with the cost", leave: (received) => received.includes("x-baseload-cost") },
  { name: "at the very end", leave: (received) => received.includes("[DONE]") },
  { name: "when the server closes", leave: () => false },
];

/** Many clients at a time, each of its own kind; as soon as one has left, the next one comes. */
async function callMany(calls: number, one: (number: number) => Promise<RawResult>) {
  const results: RawResult[] = [];
  let next = 0;
  const client = async () => {
    while (next < calls) results.push(await one(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return results;
}

function randomBody(chance: SeededRandom, more: object): Record<string, unknown> {
  return {
    model: "sim",
    messages: [{ role: "user", content: "Tell me a long story." }],
    sandbox: {
      prompt_tokens: chance.between(10, 500),
      completion_tokens: TOKENS,
      token_delay_ms: chance.pick([0, 1, 3]),
      first_token_delay_ms: chance.pick([0, 0, 5, 50]),
      tokens_per_frame: chance.pick([1, 1, 3]),
    },
    ...more,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** Every attempt that the sandbox worked on has exactly its tokens on the ledger, and nothing else is there. */
function differences(attempts: readonly ServedAttempt[], events: readonly PostedEvent[]): string[] {
  const served = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  const booked = new Map(events.map((event) => [event.eventId, event]));
  const ids = new Set([...served.keys(), ...booked.keys()]);
  return [...ids].flatMap((id) => {
    const attempt = served.get(id);
    const event = booked.get(id);
    const worked = [attempt?.prompt_tokens ?? 0, attempt?.completion_tokens ?? 0];
    const billed = [event?.inputTokens ?? 0, event?.outputTokens ?? 0];
    if (attempt?.state === "running") return [`${id} still runs`];
    if (String(worked) === String(billed) && event?.uncoveredPicos === 0n) return [];
    return [`${id}: served ${worked} (${attempt?.outcome}), booked ${billed} (${event?.source})`];
  });
}

async function expectNothingHeld(): Promise<void> {
  await stack.untilIdle();
  const wallet = await stack.wallet(key.organization);
  expect(wallet).toMatchObject({ leasedNanos: 0n, quarantinedNanos: 0n });
  expect(wallet.availableNanos + wallet.spentNanos).toBe(wallet.grantedNanos);
  expect((await stack.ledger()).problems).toEqual([]);
}

describe("a client that leaves", () => {
  test("a stream pays for what was generated until the provider was told to stop", async () => {
    const seed = drawSeed();
    const chance = new SeededRandom(seed);
    const results = await callMany(400, (number) => {
      const all = ways(chance);
      const leaving = all[number % all.length] as Leaving;
      const body = randomBody(chance, { stream: true });
      return callRaw({ port: stack.port, key: key.key, body, ...leaving });
    });
    await stack.untilPosted();
    const { attempts } = await stack.served();
    const events = await stack.events();
    const outcomes = new Set(events.map(({ outcome }) => outcome));
    const sources = new Set(events.map(({ source }) => source));

    expect({ seed, differences: differences(attempts, events) }).toEqual({ seed, differences: [] });
    expect(results.some(({ endedBy }) => endedBy === "client")).toBe(true);
    expect(results.some(({ endedBy }) => endedBy === "server")).toBe(true);
    expect([...outcomes].sort()).toEqual(expect.arrayContaining(["completed", "disconnected"]));
    expect([...sources].sort()).not.toContain("counted");
    expect(sum(events.map(({ outputTokens }) => outputTokens))).toBeWithin(1, 400 * TOKENS);
    await expectNothingHeld();
  }, 60_000);

  test("a whole answer pays for what was generated until the provider was told to stop", async () => {
    const seed = drawSeed();
    const chance = new SeededRandom(seed);
    const before = new Set((await stack.events()).map(({ eventId }) => eventId));
    await callMany(150, (number) => {
      const leaving = [
        { leave: () => true },
        afterMs(chance.between(1, 60)),
        afterMs(chance.between(1, 300)),
        { leave: (received: string) => received.includes("x-request-id") },
        { leave: () => false },
      ][number % 5] as Leaving;
      return callRaw({
        port: stack.port,
        key: key.key,
        body: randomBody(chance, {}),
        ...leaving,
      });
    });
    await stack.untilPosted();
    const isNew = (id: string) => !before.has(id);
    const attempts = (await stack.served()).attempts.filter(({ id }) => isNew(id));
    const events = (await stack.events()).filter(({ eventId }) => isNew(eventId));

    expect({ seed, differences: differences(attempts, events) }).toEqual({ seed, differences: [] });
    expect(events.some(({ outcome }) => outcome === "disconnected")).toBe(true);
    await expectNothingHeld();
  }, 60_000);

  test("pays for what was delivered where the provider cannot be asked", async () => {
    const seed = drawSeed();
    const chance = new SeededRandom(seed);
    await stack.provider({ name: "blind", url: stack.upstreamUrl, credential: CREDENTIAL });
    await stack.model({ name: "unseen", provider: "blind" });
    const blindKey = await stack.key({ organization: "blind" });
    const results = await callMany(120, (number) => {
      const frames = [0, 1, 5, 50][number % 4] as number;
      // Four bytes to a token, as the estimate has it: what is counted can then be compared with what was served.
      const script = { answer: "word".repeat(TOKENS), token_delay_ms: chance.between(2, 5) };
      const body = randomBody(chance, { stream: true, model: "unseen", sandbox: script });
      return callRaw({ port: stack.port, key: blindKey.key, body, ...afterFrames(frames) });
    });
    await stack.untilPosted();
    const { attempts } = await stack.served();
    const events = await stack.events({ keyId: blindKey.keyId });
    const wrong = results.flatMap(({ received }) => {
      const event = events.find(({ requestId }) => requestId === requestIdIn(received));
      const name = /"id":"chatcmpl-(call-\d+)"/.exec(received)?.[1];
      const attempt = attempts.find(({ id }) => id === name);
      // What came as far as the gateway is counted; it may be more than what came as far as the client.
      const least = textFramesIn(received);
      const most = attempt?.completion_tokens ?? TOKENS;
      const isCounted = event?.source === "counted" && event.inputTokens > 0;
      const isWithin =
        event !== undefined && event.outputTokens >= least && event.outputTokens <= most;
      // The answer may have been complete before anybody noticed that the client had left.
      const isRight = event?.outcome === "completed" ? event.outputTokens === most : isCounted;
      return isRight && isWithin ? [] : [Bun.inspect({ received, event, least, most })];
    });
    const disconnected = events.filter(({ outcome }) => outcome === "disconnected");

    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    expect(events).toHaveLength(120);
    expect(disconnected.length).toBeGreaterThan(60);
    expect(sum(disconnected.map(({ outputTokens }) => outputTokens))).toBeLessThan(
      disconnected.length * TOKENS,
    );
    await expectNothingHeld();
  }, 60_000);
});
