/**
 * How a route is walked by real gateways: who is asked again, who beside whom, what a cut stream costs, when time is
 * over. What a route says is tested with its planner; here it is done.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { RouteDefinition } from "../../src/domains/routing/index.ts";
import {
  chunk,
  completion,
  DONE,
  frame,
  lastChunk,
  type ScriptedUpstream,
  type SeenRequest,
  sseResponse,
  startScriptedUpstream,
  usageChunk,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type Answered, type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import type { PostedEvent } from "../support/stack-observation.ts";

type Answering = (request: SeenRequest) => Response | Promise<Response>;

const HEDGE_MS = 80;
const USAGE = wireUsage(11, 7);

let stack: Stack;
let key: CreatedKey;
let one: ScriptedUpstream;
let two: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack({ limits: { silenceTimeoutMs: 700, lookUpTimeoutMs: 200 } });
  key = await stack.key();
});
/** New providers and a new route for each test: what an earlier one has done to their circuits is not its concern. */
beforeEach(() => {
  one = startScriptedUpstream();
  two = startScriptedUpstream();
});
afterEach(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  stack.assertNoErrors();
});
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

let routes = 0;

/** A route over one model at each provider, in order. */
async function newRoute(more: Partial<RouteDefinition> = {}): Promise<string> {
  const number = ++routes;
  const targets: { model: string }[] = [];
  for (const [name, upstream] of Object.entries({ one, two })) {
    const model = `${name}-${number}`;
    await stack.provider({ name: model, url: upstream.url });
    await stack.model({ name: model, provider: model, upstream: name });
    targets.push({ model });
  }
  await stack.route(`route-${number}`, { tiers: [{ name: "all", targets }], ...more });
  return `route-${number}`;
}

type Outcome = Answered & { events: PostedEvent[] };

async function call(model: string, more: Record<string, unknown> = {}): Promise<Outcome> {
  const messages = [{ role: "user", content: "Hello there." }];
  const answered = await stack.chat(key.key, { model, messages, ...more });
  await stack.untilPosted();
  const requestId = answered.headers.get("x-request-id") ?? "";
  return { ...answered, events: await stack.events({ requestId }) };
}

const says =
  (text: string): Answering =>
  () =>
    Response.json(completion(text, USAGE));
const fails =
  (status: number, headers: Record<string, string> = {}): Answering =>
  () =>
    Response.json({ error: { message: "no", type: "x", code: null } }, { status, headers });
const never: Answering = () => new Promise<Response>(() => undefined);
const frames = (...texts: string[]) => texts.map((content) => chunk({ content }));
const streams =
  (...texts: string[]): Answering =>
  () =>
    sseResponse([...frames(...texts), lastChunk(), usageChunk(USAGE), DONE]);
const after =
  (ms: number, answering: Answering): Answering =>
  async (request) => {
    await Bun.sleep(ms);
    return await answering(request);
  };
const firstThen = (first: Answering, then: Answering): Answering => {
  let calls = 0;
  return (request) => (calls++ === 0 ? first(request) : then(request));
};

const textIn = (text: string): string =>
  [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join("");
const outcomesOf = (events: PostedEvent[]) =>
  events.map(({ outcome, source }) => [outcome, source]);

describe("a candidate is asked again", () => {
  test("after a limit of calls, when it says when to come back", async () => {
    const model = await newRoute({ retry: { again: { rate_limited: 1, upstream: 0 } } });
    one.answer = firstThen(fails(429, { "retry-after": "1" }), says("One."));
    two.answer = fails(500);

    const startedMs = performance.now();
    const outcome = await call(model);

    expect([outcome.status, textIn(outcome.text)]).toEqual([200, "One."]);
    expect(performance.now() - startedMs).toBeGreaterThan(990);
    expect([one.requests.length, two.requests.length]).toEqual([2, 1]);
    expect(outcomesOf(outcome.events)).toEqual([
      ["failed", "none"],
      ["failed", "none"],
      ["completed", "provider"],
    ]);
  });

  test("but not when its credential is refused, and the client learns what to do", async () => {
    const model = await newRoute({ retry: { again: { upstream: 3 }, backoff_ms: 1 } });
    one.answer = fails(401);
    two.answer = fails(401);

    const outcome = await call(model);

    expect(outcome.status).toBe(502);
    expect([one.requests.length, two.requests.length]).toEqual([1, 1]);
  });
});

describe("a model without a route", () => {
  test("that keeps failing is left alone while another one serves", async () => {
    const number = ++routes;
    await stack.provider({ name: `p${number}`, url: one.url });
    await stack.provider({ name: `q${number}`, url: two.url });
    await stack.model({ name: `m${number}`, provider: `p${number}` });
    await stack.deploy({ model: `m${number}`, provider: `q${number}` });
    await call("nothing-yet");
    one.answer = fails(500);
    two.answer = says("Two.");

    const texts: string[] = [];
    for (let i = 0; i < 6; i++) texts.push(textIn((await call(`m${number}`)).text));

    expect(texts).toEqual(Array.from({ length: 6 }, () => "Two."));
    expect(one.requests.length).toBe(3);
  });
});

describe("a call that is hedged", () => {
  const hedged = { hedge: { after_ms: HEDGE_MS, budget_percent: 100 } };

  test("is answered by whoever begins first, and both are metered", async () => {
    const model = await newRoute(hedged);
    one.answer = after(600, streams("Late."));
    two.answer = streams("Soon", ".");

    const outcome = await call(model, { stream: true });
    await stack.untilPosted();
    const events = await stack.events({ requestId: outcome.headers.get("x-request-id") ?? "" });

    expect(textIn(outcome.text)).toBe("Soon.");
    expect(outcome.headers.get("x-baseload-provider")).toStartWith("two-");
    expect(events.map(({ outcome: how }) => how).sort()).toEqual(["completed", "disconnected"]);
    // The provider cannot be asked what it did: its input is counted, and marked so.
    const lost = events.find(({ outcome: how }) => how === "disconnected");
    expect(lost).toMatchObject({ source: "counted", outputTokens: 0 });
    expect(lost?.inputTokens).toBeGreaterThan(0);
  });

  test("asks nobody else when the first is quick", async () => {
    const model = await newRoute(hedged);
    one.answer = says("One.");

    expect(textIn((await call(model)).text)).toBe("One.");
    await Bun.sleep(HEDGE_MS * 2);
    expect(two.requests).toEqual([]);
  });

  test("is answered by the first when the second fails, and the other way round", async () => {
    const model = await newRoute(hedged);
    one.answer = after(300, says("One."));
    two.answer = fails(500);
    const byFirst = await call(model);
    one.answer = after(200, fails(500));
    two.answer = after(300, says("Two."));
    const bySecond = await call(model);

    expect(textIn(byFirst.text)).toBe("One.");
    expect(textIn(bySecond.text)).toBe("Two.");
    expect(byFirst.events.filter(({ chargeNanos }) => chargeNanos > 0n)).toHaveLength(1);
    expect(bySecond.events.filter(({ chargeNanos }) => chargeNanos > 0n)).toHaveLength(1);
  });

  test("that fails twice fails once, costs nothing, and holds nothing any more", async () => {
    const model = await newRoute(hedged);
    one.answer = after(200, fails(500));
    two.answer = after(200, fails(503));

    const outcome = await call(model);

    expect(outcome.status).toBeGreaterThanOrEqual(502);
    expect(outcome.events.every(({ chargeNanos }) => chargeNanos === 0n)).toBe(true);
    await stack.untilPosted();
    expect((await stack.ledger()).problems).toEqual([]);
  });

  test("keeps within its budget", async () => {
    const model = await newRoute({ hedge: { after_ms: 5, budget_percent: 10 } });
    one.answer = after(40, says("One."));
    two.answer = says("Two.");

    for (let i = 0; i < 12; i++) await call(model);

    expect(two.requests.length).toBeGreaterThanOrEqual(1);
    expect(two.requests.length).toBeLessThanOrEqual(3);
  });
});

describe("a stream that is cut", () => {
  /** Late enough for the pieces before to have arrived: a reset overtakes what nobody has read yet. */
  const cut =
    (...texts: string[]): Answering =>
    () =>
      sseResponse(frames(...texts), "late reset");

  test("before its first piece is asked of the next", async () => {
    const model = await newRoute();
    one.answer = () => sseResponse([chunk({ role: "assistant", content: "" })], "reset");
    two.answer = streams("Two", ".");

    const outcome = await call(model, { stream: true });

    expect(textIn(outcome.text)).toBe("Two.");
    expect(outcomesOf(outcome.events)).toEqual([
      ["failed", "none"],
      ["completed", "provider"],
    ]);
  });

  test("in its middle is told to the client, and what was delivered is charged", async () => {
    const model = await newRoute();
    one.answer = cut("Half", " of");
    two.answer = streams("Two.");

    const outcome = await call(model, { stream: true });

    expect(outcome.text).toContain("provider_connection_lost");
    expect(two.requests).toEqual([]);
    expect(outcomesOf(outcome.events)).toEqual([["failed", "counted"]]);
  });

  test("anywhere is asked of the next where the route holds streams back until they are complete", async () => {
    const model = await newRoute({ streams: "complete" });
    one.answer = cut("Half", " of");
    two.answer = streams("Two", " whole.");

    const outcome = await call(model, { stream: true });

    expect(textIn(outcome.text)).toBe("Two whole.");
    expect(outcome.text).toEndWith(DONE);
    expect(outcomesOf(outcome.events)).toEqual([
      ["failed", "none"],
      ["completed", "provider"],
    ]);
  });

  test("by silence is asked of the next, too", async () => {
    const model = await newRoute({ streams: "complete" });
    one.answer = () => sseResponse(frames("Half"), "stay silent");
    two.answer = streams("Two.");

    expect(textIn((await call(model, { stream: true })).text)).toBe("Two.");
  });
});

describe("a whole answer that is malformed", () => {
  test("is asked of the next, and not charged", async () => {
    const model = await newRoute();
    one.answer = () => new Response("{ half", { headers: { "content-type": "application/json" } });
    two.answer = says("Two.");

    const outcome = await call(model);

    expect(textIn(outcome.text)).toBe("Two.");
    expect(outcomesOf(outcome.events)).toEqual([
      ["failed", "none"],
      ["completed", "provider"],
    ]);
  });
});

describe("the time of a call", () => {
  const headers = (ms: number | string) => ({
    authorization: `Bearer ${key.key}`,
    "content-type": "application/json",
    "x-baseload-timeout-ms": String(ms),
  });
  const post = (model: string, ms: number | string, more: object = {}) =>
    fetch(`${stack.url}/chat/completions`, {
      method: "POST",
      headers: headers(ms),
      body: JSON.stringify({ model, messages: [{ role: "user", content: "x" }], ...more }),
    });

  test("ends it wherever it is, and the client is told by whom", async () => {
    const model = await newRoute();
    one.answer = never;
    two.answer = never;
    const startedMs = performance.now();
    const response = await post(model, 300);
    const { error } = (await response.json()) as { error: { code: string; message: string } };

    expect([response.status, error.code]).toEqual([504, "deadline_exceeded"]);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await stack.untilPosted();
  });

  test("ends a stream that has begun, and charges what came", async () => {
    const model = await newRoute();
    one.answer = () => sseResponse(frames("Half"), "stay silent");
    const text = await (await post(model, 300, { stream: true })).text();

    expect(textIn(text)).toBe("Half");
    expect(text).toContain("deadline_exceeded");
    await stack.untilPosted();
  });

  test("must be a number", async () => {
    const response = await post(await newRoute(), "soon");
    const { error } = (await response.json()) as { error: { param: string } };

    expect([response.status, error.param]).toEqual([400, "x-baseload-timeout-ms"]);
  });
});

describe("conditions of a route", () => {
  test("look at what the client says, and at what it asks", async () => {
    const number = ++routes;
    for (const [name, upstream] of Object.entries({ one, two })) {
      await stack.provider({ name: `${name}-c${number}`, url: upstream.url });
      await stack.model({ name: `${name}-c${number}`, provider: `${name}-c${number}` });
    }
    await stack.route(`route-c${number}`, {
      tiers: [
        {
          name: "specialist",
          when: { any: [{ language: ["zh", "yue"] }, { metadata: { team: "asia" } }] },
          targets: [{ model: `two-c${number}` }],
        },
        { name: "usual", targets: [{ model: `one-c${number}` }] },
      ],
    });
    one.answer = says("One.");
    two.answer = says("Two.");
    const ask = async (content: string, more: object = {}) => {
      const messages = [{ role: "user", content }];
      const answered = await stack.chat(key.key, { model: `route-c${number}`, messages, ...more });
      return textIn(answered.text);
    };

    expect(await ask("What is the weather going to be like in the mountains tomorrow?")).toBe(
      "One.",
    );
    expect(await ask("请问明天山里的天气怎么样？我们打算去爬山。")).toBe("Two.");
    expect(await ask("聽日山度嘅天氣點樣呀？我哋諗住去行山。")).toBe("Two.");
    expect(await ask("Hello.", { metadata: { team: "asia" } })).toBe("Two.");
  });
});

test("a frame of an error before anything else is asked of the next", async () => {
  const model = await newRoute();
  one.answer = () => sseResponse([frame({ error: { message: "busy", type: "overloaded_error" } })]);
  two.answer = streams("Two.");

  expect(textIn((await call(model, { stream: true })).text)).toBe("Two.");
});
