/**
 * Three providers that fail, hang, limit calls and cut streams at random, for a minute of load: no request fails while
 * any provider of its plan is healthy, none is charged twice, and an organization that is bound to a region never sends
 * a byte elsewhere, although the provider elsewhere stands first in every route, and is well.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chunk,
  completion,
  DONE,
  lastChunk,
  type ScriptedUpstream,
  type SeenRequest,
  startScriptedUpstream,
  usageChunk,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

const CHAOS_MS = 60_000;
const AT_ONCE = 24;
/** How long the weather lasts. Whoever is the anchor stays well for this one and the next. */
const WEATHER_MS = 3_000;
const HANG_MS = 400;
/** Of a client between two calls, so that the machine is not all that is tested. */
const THINKING_MS = 60;
const PIECES = ["One", " two", " three", " four."];
const TEXT = PIECES.join("");
const USAGE = wireUsage(20, 8);

const troubles = ["failing", "hanging", "limiting", "cutting", "slow", "well"] as const;
type Trouble = (typeof troubles)[number];

type Provider = { upstream: ScriptedUpstream; trouble: Trouble; seen: Map<Trouble, number> };

type Seen = { route: string; isStream: boolean; status: number; text: string; requestId: string };

let stack: Stack;
let key: CreatedKey;
let elsewhere: ScriptedUpstream;
const providers: Provider[] = [];
const seed = drawSeed();
const random = new SeededRandom(seed);

beforeAll(async () => {
  stack = await startStack({
    gateways: 2,
    limits: { silenceTimeoutMs: HANG_MS, lookUpTimeoutMs: 100 },
    lease: { maxUsd: "50.00" },
  });
  key = await stack.key({ creditUsd: "1000.00" });
  await stack.regions(key.organization, ["eu"]);
  elsewhere = startScriptedUpstream();
  await stack.provider({ name: "elsewhere", url: elsewhere.url, region: "us-east-1" });
  await stack.model({ name: "elsewhere", provider: "elsewhere" });
  for (const [index, region] of ["eu", "eu-west-1", "eu-north-2"].entries()) {
    const upstream = startScriptedUpstream();
    const provider: Provider = { upstream, trouble: "well", seen: new Map() };
    upstream.answer = (request) => answer(provider, request);
    providers.push(provider);
    await stack.provider({ name: `p${index}`, url: upstream.url, region });
    await stack.model({ name: `m${index}`, provider: `p${index}` });
  }
  const targets = ["elsewhere", "m0", "m1", "m2"].map((model) => ({ model }));
  const tiers = [{ name: "all", strategy: "least-busy" as const, targets }];
  const retry = { again: { rate_limited: 2, overloaded: 1, upstream: 1, timeout: 1 } };
  await stack.route("guarded", { tiers, retry, timeout_ms: HANG_MS, streams: "complete" });
  await stack.route("direct", { tiers, retry, timeout_ms: HANG_MS });
  await stack.route("hedged", {
    ...{ tiers, retry, timeout_ms: HANG_MS, streams: "complete" },
    hedge: { after_ms: 60, budget_percent: 50 },
  });
});

afterAll(async () => {
  for (const { upstream } of providers) await upstream[Symbol.asyncDispose]();
  await elsewhere?.[Symbol.asyncDispose]();
  await stack?.[Symbol.asyncDispose]();
});

async function answer(provider: Provider, { body }: SeenRequest): Promise<Response> {
  // Half of its calls go well, so that its circuit closes again and again.
  const trouble = random.chance(0.5) ? provider.trouble : "well";
  provider.seen.set(trouble, (provider.seen.get(trouble) ?? 0) + 1);
  const isStream = body["stream"] === true;
  const error = { error: { message: "no", type: "server_error", code: null } };
  switch (trouble) {
    case "failing":
      return Response.json(error, { status: random.pick([500, 502, 503, 529, 401]) });
    case "hanging":
      return await new Promise<Response>(() => undefined);
    case "limiting":
      return Response.json(error, { status: 429, headers: { "retry-after": "1" } });
    case "cutting":
      return isStream ? stream(random.between(0, PIECES.length)) : cutWhole();
    case "slow":
      await Bun.sleep(random.between(20, 200));
      return isStream ? stream() : Response.json(completion(TEXT, USAGE));
    case "well":
      return isStream ? stream() : Response.json(completion(TEXT, USAGE));
  }
}

const encoder = new TextEncoder();

/** All of it, or as many pieces as that, and then a broken connection. */
function stream(piecesBeforeCut?: number): Response {
  const pieces = PIECES.slice(0, piecesBeforeCut).map((content) => chunk({ content }));
  const ending = [lastChunk(), usageChunk(USAGE), DONE];
  const frames = piecesBeforeCut === undefined ? [...pieces, ...ending] : pieces;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      for (const text of frames) {
        controller.enqueue(encoder.encode(text));
        await Bun.sleep(0);
      }
      if (piecesBeforeCut === undefined) return controller.close();
      // Sometimes late enough for what came before to be read.
      await Bun.sleep(random.between(0, 20));
      controller.error(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

function cutWhole(): Response {
  const text = JSON.stringify(completion(TEXT, USAGE));
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encoder.encode(text.slice(0, text.length / 2)));
      await Bun.sleep(1);
      controller.error(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

/** Changes the weather until the time is over; there always is one provider that is well and stays so. */
async function changeWeather(endMs: number): Promise<void> {
  let anchor = 0;
  // In turn rather than at random: a minute must have seen all of them.
  let turn = random.between(0, troubles.length - 1);
  while (performance.now() < endMs) {
    const next = random.between(0, providers.length - 1);
    for (const [index, provider] of providers.entries()) {
      const isSafe = index === anchor || index === next;
      provider.trouble = isSafe ? "well" : (troubles[turn++ % troubles.length] ?? "well");
    }
    anchor = next;
    await Bun.sleep(WEATHER_MS);
  }
}

async function load(endMs: number, seen: Seen[]): Promise<void> {
  while (performance.now() < endMs) {
    const route = random.pick(["guarded", "direct", "hedged"]);
    const isStream = random.next() < 0.5;
    const messages = [{ role: "user", content: "Hello there." }];
    await Bun.sleep(random.between(0, THINKING_MS));
    const answered = await stack.chat(key.key, { model: route, messages, stream: isStream });
    const requestId = answered.headers.get("x-request-id") ?? "";
    seen.push({ route, isStream, status: answered.status, text: answered.text, requestId });
  }
}

const textIn = (text: string): string =>
  [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join("");

const isWhole = ({ status, text, isStream }: Seen): boolean =>
  status === 200 && textIn(text) === TEXT && (!isStream || text.endsWith(DONE));

/** A stream whose pieces the route sends on as they come, cut after the first. */
const isToldInTheMiddle = ({ route, isStream, status, text }: Seen): boolean =>
  route === "direct" &&
  isStream &&
  status === 200 &&
  TEXT.startsWith(textIn(text)) &&
  textIn(text) !== "" &&
  text.includes("provider_connection_lost");

test(
  "no request fails while a provider of its plan is well, none is charged twice, residency holds",
  async () => {
    const endMs = performance.now() + CHAOS_MS;
    const seen: Seen[] = [];
    await Promise.all([
      changeWeather(endMs),
      ...Array.from({ length: AT_ONCE }, () => load(endMs, seen)),
    ]);
    await stack.untilPosted();
    const events = await stack.events();
    const wallet = await stack.wallet(key.organization);

    // It was chaos indeed.
    expect(seen.length).toBeGreaterThan(500);
    for (const trouble of troubles) {
      const times = providers.reduce((sum, provider) => sum + (provider.seen.get(trouble) ?? 0), 0);
      expect([trouble, times > 0]).toEqual([trouble, true]);
    }
    const failed = seen.filter((one) => !isWhole(one) && !isToldInTheMiddle(one));
    expect({ seed, failed: failed.slice(0, 3) }).toEqual({ seed, failed: [] });

    expect(elsewhere.requests).toEqual([]);

    const routeOf = new Map(seen.map(({ requestId, route }) => [requestId, route]));
    const completed = new Map<string, number>();
    for (const { requestId, outcome, chargeNanos } of events) {
      if (outcome === "completed") completed.set(requestId, (completed.get(requestId) ?? 0) + 1);
      // What failed before its end was delivered is charged only where a part of it reached the client.
      const mayBeCharged = outcome === "completed" || routeOf.get(requestId) !== "guarded";
      expect(chargeNanos === 0n || mayBeCharged).toBe(true);
    }
    expect([...completed.values()].filter((times) => times > 1)).toEqual([]);
    expect(completed.size).toBe(seen.filter(isWhole).length);
    expect((await stack.ledger()).problems).toEqual([]);
    const charged = events.reduce((sum, { chargeNanos }) => sum + chargeNanos, 0n);
    expect(BigInt(wallet.spentNanos)).toBe(charged);
    stack.assertNoErrors();
    process.stdout.write(
      `chaos: ${seen.length} calls, ${events.length} attempts, ${seen.filter(isToldInTheMiddle).length} streams cut after they had begun, seed ${seed}\n`,
    );
  },
  CHAOS_MS * 3,
);
