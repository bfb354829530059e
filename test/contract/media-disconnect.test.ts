/**
 * Clients of images, speech and transcription leave whenever they like: what is billed is what the provider has used
 * until it was told to stop, to the character, and every hold is released.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type Terms, termsOf } from "../support/posted-cost.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

const CALLS = 160;
const AT_ONCE = 20;

let stack: Stack;
/** One for each model, by which its events are known. */
const keys = new Map<string, CreatedKey>();

const models: [name: string, upstream: string, terms: Terms][] = [
  ["paint", "sandbox-image", { uncached_input: 5_017n, image_output: 40_003n }],
  ["paint-by-piece", "sandbox-image", { images: 40_000_001n }],
  ["speak", "sandbox-speech", { characters: 15_007n }],
  ["speak-by-token", "sandbox-speech", { uncached_input: 611n, audio_output: 12_013n }],
  ["hear", "sandbox-transcription", { audio_seconds: 100_007n }],
  ["hear-by-token", "sandbox-transcription", { audio_input: 6_011n, output_text: 10_019n }],
];
const recording = readFileSync(
  new URL("../../src/lib/audio/fixtures/tone-alaw.wav", import.meta.url),
);

beforeAll(async () => {
  stack = await startStack({ gateways: 2, lease: { idleMs: 300 } });
  for (const [name, upstream, terms] of models) {
    await stack.model({ name, upstream, terms: termsOf(terms) });
    keys.set(name, await stack.key({ organization: name }));
  }
});
afterEach(() => stack.assertNoErrors());
afterAll(() => stack[Symbol.asyncDispose]());

function requestOf(chance: SeededRandom, name: string): { path: string; body: string | FormData } {
  const sandbox = {
    token_delay_ms: chance.pick([0, 1, 4]),
    first_token_delay_ms: chance.pick([0, 5, 50]),
  };
  const stream = chance.pick([true, false]);
  if (name.startsWith("hear")) {
    const form = new FormData();
    const usage_by = name === "hear-by-token" ? "tokens" : "pieces";
    form.append("model", name);
    form.append("file", new File([recording], "tone.wav"));
    form.append("stream", String(stream));
    form.append("sandbox", JSON.stringify({ ...sandbox, usage_by, answer: "word ".repeat(40) }));
    return { path: "/audio/transcriptions", body: form };
  }
  const [path, more] = name.startsWith("paint")
    ? [
        "/images/generations",
        { prompt: "A cat", size: "64x64", stream, partial_images: stream ? 3 : 0 },
      ]
    : ["/audio/speech", { input: "word ".repeat(30), stream_format: stream ? "sse" : "audio" }];
  return { path, body: JSON.stringify({ model: name, sandbox, ...more }) };
}

async function callAndPerhapsLeave(chance: SeededRandom, name: string): Promise<string> {
  const { path, body } = requestOf(chance, name);
  const controller = new AbortController();
  const leaveMs = chance.pick([0, 2, 10, 40, 100, 100_000]);
  const timer = setTimeout(() => controller.abort(), leaveMs);
  try {
    const response = await fetch(`${stack.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${keys.get(name)?.key}` },
      body,
      signal: controller.signal,
    });
    await response.bytes();
    return `${response.status}`;
  } catch {
    return "left";
  } finally {
    clearTimeout(timer);
  }
}

type Attempt = { id: string; state: string; quantities: Record<string, number> };

test("everything that was used is booked, and nothing else", async () => {
  const seed = drawSeed();
  const chance = new SeededRandom(seed);
  const endings: string[] = [];
  for (let from = 0; from < CALLS; from += AT_ONCE) {
    const group = Array.from({ length: AT_ONCE }, (_, at) => {
      const [name] = models[(from + at) % models.length] ?? ["paint"];
      return callAndPerhapsLeave(chance, name);
    });
    endings.push(...(await Promise.all(group)));
  }
  await stack.untilPosted();
  const attempts = (await stack.served()).attempts as unknown as Attempt[];
  const events = await stack.events();
  const wrong = attempts.flatMap(({ id, state, quantities }) => {
    const event = events.find(({ eventId }) => eventId === id);
    const { requests: _, ...booked } = event?.quantities ?? {};
    const [, , terms = {}] = models.find(([name]) => keys.get(name)?.keyId === event?.keyId) ?? [];
    const used = Object.keys(terms).filter((kind) => (quantities[kind] ?? 0) > 0);
    const due = Object.fromEntries(used.map((kind) => [kind, quantities[kind]]));
    const isSame = event !== undefined && Bun.deepEquals(booked, due) && state === "finished";
    return isSame ? [] : [{ id, state, quantities, booked }];
  });
  const ids = new Set(attempts.map(({ id }) => id));

  expect({ seed, wrong }).toEqual({ seed, wrong: [] });
  expect(events.filter(({ eventId, costPicos }) => !ids.has(eventId) && costPicos > 0n)).toEqual(
    [],
  );
  expect(
    events.every(({ source, uncoveredPicos }) => source !== "counted" || uncoveredPicos === 0n),
  ).toBe(true);
  expect(endings).toContain("left");
  expect(endings).toContain("200");
  expect(new Set(endings).size).toBe(2);
  await stack.untilIdle();
  for (const { organization } of keys.values()) {
    const wallet = await stack.wallet(organization);
    expect(wallet).toMatchObject({ leasedNanos: 0n, quarantinedNanos: 0n });
    expect(wallet.availableNanos + wallet.spentNanos).toBe(wallet.grantedNanos);
  }
  expect((await stack.ledger()).problems).toEqual([]);
}, 60_000);
