/**
 * An organization that is bound to a region never sends a byte elsewhere. The upstreams elsewhere count connections:
 * whatever fails, is tried again, hedged, looked up or counted, there must be none.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type ConnectionCounter, startConnectionCounter } from "../support/connection-counter.ts";
import {
  chunk,
  completion,
  DONE,
  lastChunk,
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
  usageChunk,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const USAGE = wireUsage(9, 4);
/** "within a second", and what a busy machine adds. */
const RELOAD_MS = 3_000;
/** A PostgreSQL may have to start first, on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 60_000;

let stack: Stack;
let bound: CreatedKey;
let free: CreatedKey;
let home: ScriptedUpstream;
let abroad: ConnectionCounter;
let unknown: ConnectionCounter;

beforeAll(async () => {
  stack = await startStack({
    gateways: 2,
    limits: { silenceTimeoutMs: 400, answerTimeoutMs: 2_000, lookUpTimeoutMs: 300, retryRounds: 2 },
  });
  home = startScriptedUpstream();
  abroad = startConnectionCounter();
  unknown = startConnectionCounter();
  await stack.provider({
    name: "home",
    url: home.url,
    region: "eu-central",
    quirks: { usage_lookup: true },
  });
  await stack.provider({
    name: "abroad",
    url: abroad.url,
    region: "us-east",
    quirks: { usage_lookup: true },
  });
  await stack.provider({
    name: "europa",
    url: abroad.url,
    region: "europa",
    quirks: { usage_lookup: true },
  });
  await stack.provider({ name: "home-too", url: home.url, region: "EU" });
  await stack.provider({ name: "unknown", url: unknown.url });
  await stack.provider({
    name: "claude-abroad",
    url: abroad.url,
    region: "us-east",
    dialect: "anthropic-messages",
    credential: "c",
  });
  await stack.model({ name: "everywhere", provider: "abroad" });
  for (const provider of ["unknown", "europa", "home", "home-too"]) {
    await stack.deploy({ model: "everywhere", provider });
  }
  await stack.model({ name: "only-abroad", provider: "abroad" });
  await stack.model({ name: "claude", provider: "claude-abroad" });
  await stack.deploy({ model: "claude", provider: "home" });
  const targets = ["only-abroad", "claude", "everywhere"].map((model) => ({ model }));
  const retry = {
    again: { rate_limited: 2, overloaded: 2, timeout: 2, upstream: 2 },
    backoff_ms: 1,
  };
  for (const strategy of [
    "ordered",
    "weighted",
    "lowest-latency",
    "lowest-cost",
    "least-busy",
    "prefix-affinity",
  ] as const) {
    await stack.route(`by-${strategy}`, {
      strategy,
      tiers: [
        { name: "abroad first", targets: targets.slice(0, 2) },
        { name: "all", targets },
      ],
      retry,
      hedge: { after_ms: 20, budget_percent: 100 },
    });
  }
  free = await stack.key({ organization: "free", creditUsd: "100.00" });
  bound = await stack.key({ organization: "bound", creditUsd: "100.00" });
  await stack.regions("bound", ["eu"]);
  await untilRefused(bound);
  abroad.connections = 0;
  unknown.connections = 0;
}, START_TIMEOUT_MS);
beforeEach(() => {
  home.requests.length = 0;
  home.answer = () => Response.json(completion("From home.", USAGE));
});
/** The one thing that every test here is about. */
afterEach(() => {
  expect({ abroad: abroad.connections, unknown: unknown.connections }).toEqual({
    abroad: 0,
    unknown: 0,
  });
  stack.assertNoErrors();
});
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  abroad[Symbol.dispose]();
  unknown[Symbol.dispose]();
});

const ask = (key: CreatedKey, model: string, more: Record<string, unknown> = {}) =>
  stack.chat(key.key, { model, messages: [{ role: "user", content: "Hello there." }], ...more });

/** Connections spread over both gateways, and both must have heard of it: so several in a row are refused. */
async function untilRefused(key: CreatedKey): Promise<void> {
  const isRefused = async () => (await ask(key, "only-abroad")).status === 403;
  const areAllRefused = async () =>
    (await Promise.all(Array.from({ length: 8 }, isRefused))).every(Boolean);
  await until("that all gateways know the regions", areAllRefused, { deadlineMs: RELOAD_MS });
}

const fails = (status: number, headers: Record<string, string> = {}) =>
  Response.json({ error: { message: "no", type: "x", code: null } }, { status, headers });

const stream = (...ending: Parameters<typeof sseResponse>[1][]) =>
  sseResponse(
    [
      chunk({ content: "From " }),
      chunk({ content: "home." }),
      lastChunk(),
      usageChunk(USAGE),
      DONE,
    ],
    ...ending,
  );

const routes = [
  "everywhere",
  "by-ordered",
  "by-weighted",
  "by-lowest-latency",
  "by-lowest-cost",
  "by-least-busy",
  "by-prefix-affinity",
];

describe("a bound organization's calls stay at home", () => {
  for (const model of routes) {
    test(`when all is well: ${model}`, async () => {
      const [whole, streamed] = [
        await ask(bound, model),
        await ask(bound, model, { stream: true }),
      ];
      home.answer = () => stream();
      const second = await ask(bound, model, { stream: true });

      expect([whole.status, second.status]).toEqual([200, 200]);
      expect(second.text).toContain("home.");
      expect(streamed.status).toBeOneOf([200, 502]);
    });

    test(`when home fails in every way, is tried again, and fails for good: ${model}`, async () => {
      for (const answer of [
        () => fails(500),
        () => fails(429, { "retry-after": "0" }),
        () => fails(401),
        () => new Response("not json"),
        () => sseResponse([chunk({ content: "cut" })], "reset"),
      ]) {
        home.answer = answer;
        await ask(bound, model);
        await ask(bound, model, { stream: true });
      }

      expect(home.requests.length).toBeGreaterThan(5);
    });
  }

  test("when home is slow and the call is hedged", async () => {
    home.answer = async () => {
      await Bun.sleep(150);
      return Response.json(completion("Late.", USAGE));
    };

    // Both legs stay at home. What failed in earlier tests is left alone for a while before it is asked beside others.
    await until("a call is asked at both homes", async () => {
      home.requests.length = 0;
      const answered = await Promise.all(routes.map((model) => ask(bound, model)));
      return home.requests.length > answered.length;
    });
  });

  test("when the client leaves and its usage is looked up", async () => {
    home.answer = ({ method }) =>
      method === "GET" ? fails(500) : sseResponse([chunk({ content: "and so on" })], "stay silent");
    for (const model of routes) {
      const stop = new AbortController();
      const response = await fetch(`${stack.url}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${bound.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Hi." }] }),
        signal: stop.signal,
      });
      await response.body?.getReader().read();
      stop.abort();
    }
    await stack.untilPosted();

    expect(home.requests.some(({ path }) => path.startsWith("/v1/attempts/"))).toBe(true);
  });

  test("when nothing at home serves the model: the call is refused before anything moves", async () => {
    const answered = await ask(bound, "only-abroad");

    expect(answered.status).toBe(403);
    expect(answered.body["error"]).toMatchObject({
      code: "outside_of_regions",
      message: expect.stringContaining("stay in eu"),
    });
    const requestId = answered.headers.get("x-request-id") ?? "";
    expect(await stack.events({ requestId })).toEqual([]);
  });

  test("and it is shown only what it can call", async () => {
    const namesFor = async ({ key }: CreatedKey) => {
      const headers = { authorization: `Bearer ${key}` };
      const { data } = (await (await fetch(`${stack.url}/models`, { headers })).json()) as {
        data: { id: string }[];
      };
      return data.map(({ id }) => id);
    };

    expect(await namesFor(free)).toContain("only-abroad");
    expect(await namesFor(bound)).not.toContain("only-abroad");
    expect(await namesFor(bound)).toEqual(
      expect.arrayContaining(["everywhere", "claude", "by-ordered"]),
    );
  });

  test("when its tokens are counted", async () => {
    for (const model of ["claude", "only-abroad", "by-ordered"]) {
      const response = await fetch(`${stack.url}/messages/count_tokens`, {
        method: "POST",
        headers: { "x-api-key": bound.key, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello there." }] }),
      });
      await response.text();
    }
  });

  test("when its test keys are used", async () => {
    const testKey = await stack.key({ organization: "bound", mode: "test" });

    for (const model of ["everywhere", "only-abroad", "by-ordered", "sandbox-echo"]) {
      await ask(testKey, model);
    }

    expect(home.requests).toEqual([]);
  });

  test("when everything happens at once", async () => {
    const random = new SeededRandom(20_261_122);
    home.answer = async ({ body }) => {
      const isStream = body["stream"] === true;
      if (random.chance(0.25)) return fails(random.pick([429, 500, 503]));
      if (random.chance(0.1)) await Bun.sleep(random.between(5, 60));
      if (!isStream) return Response.json(completion("From home.", USAGE));
      return random.chance(0.2) ? stream("reset") : stream();
    };

    const statuses = await Promise.all(
      Array.from({ length: 150 }, async (_, index) => {
        const model = routes[index % routes.length] as string;
        return (await ask(bound, model, { stream: random.chance(0.5) })).status;
      }),
    );

    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
  });
});

describe("regions hold within a second on all gateways", () => {
  test("and until then, as for who is not bound, calls do go abroad: the counters can count", async () => {
    for (let i = 0; i < 6; i++) await ask(free, "only-abroad");

    expect(abroad.connections).toBeGreaterThan(0);
    abroad.connections = 0;
  });

  test("when an organization is bound while it is calling", async () => {
    await ask(free, "everywhere");
    await stack.regions("free", ["eu"]);
    await untilRefused(free);
    abroad.connections = 0;
    unknown.connections = 0;

    for (let i = 0; i < 20; i++) await ask(free, i % 2 === 0 ? "everywhere" : "by-weighted");
  });
});
