/**
 * What becomes of a call when its provider fails, in every way we know: the client gets the right class of error,
 * another deployment is tried where that may help, nothing undelivered is charged, and neither the key nor the
 * address of the provider comes out, in whatever it says.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
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

/** Long enough for a busy machine, short enough for a test to wait for. */
const PATIENCE_MS = 500;
const SECRET = "secret-of-the-provider-93c1";

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;
/** Everything that any client has seen in this file. */
const seen: string[] = [];

beforeAll(async () => {
  stack = await startStack({
    limits: {
      answerTimeoutMs: PATIENCE_MS,
      silenceTimeoutMs: PATIENCE_MS,
      lookUpTimeoutMs: PATIENCE_MS,
    },
    expectedErrors: /^a call cost more than its upper bound/,
  });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "frail", url: upstream.url, credential: SECRET });
  await stack.provider({ name: "absent", url: await urlOfNobody(), credential: SECRET });
  await stack.model({ name: "alone", provider: "frail", upstream: "m" });
  await stack.model({ name: "unreachable", provider: "absent" });
  await stack.model({ name: "reached-later", provider: "absent" });
  await stack.deploy({ model: "reached-later", provider: "upstream" });
  await createBacked();
  key = await stack.key();
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

/** A port on which nobody listens any more. */
async function urlOfNobody(): Promise<string> {
  const gone = startScriptedUpstream();
  await gone[Symbol.asyncDispose]();
  return gone.url;
}

/** With a second deployment. Each is failed once: what keeps failing is left alone for a while. */
const unusedBacked: string[] = [];
const BACKED_MODELS = 60;

async function createBacked(): Promise<void> {
  for (let number = 0; number < BACKED_MODELS; number++) {
    await stack.provider({ name: `frail-${number}`, url: upstream.url, credential: SECRET });
    await stack.model({ name: `backed-${number}`, provider: `frail-${number}`, upstream: "m" });
    await stack.deploy({ model: `backed-${number}`, provider: "upstream" });
    unusedBacked.push(`backed-${number}`);
  }
}

function newBacked(): string {
  const model = unusedBacked.pop();
  if (model === undefined) throw new Error("create more models with a second deployment");
  return model;
}

type Outcome = Answered & { events: PostedEvent[]; error: Record<string, unknown> };
type Answering = (request: SeenRequest) => Response | Promise<Response>;

async function call(
  answering: Answering,
  body: Record<string, unknown> = { model: "alone" },
): Promise<Outcome> {
  upstream.answer = answering;
  const messages = [{ role: "user", content: "Hello there." }];
  const answered = await stack.chat(key.key, { messages, ...body });
  seen.push(answered.text, Bun.inspect(Object.fromEntries(answered.headers)));
  await stack.untilPosted();
  const requestId = answered.headers.get("x-request-id") ?? "";
  const error = (answered.body["error"] ?? errorFrameIn(answered.text)) as Record<string, unknown>;
  return { ...answered, error, events: await stack.events({ requestId }) };
}

const stream = (answering: Answering, more: object = {}) =>
  call(answering, { model: "alone", stream: true, ...more });

/** The error in the last frame of a stream. */
function errorFrameIn(text: string): unknown {
  const last = text.trimEnd().split("\n\n").at(-1) ?? "";
  return last.startsWith('data: {"error"') ? JSON.parse(last.slice(6)).error : undefined;
}

const textIn = (text: string): string =>
  [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join("");

const isFree = ({ source, chargeNanos }: PostedEvent): boolean =>
  source === "none" && chargeNanos === 0n;

/** What providers say about themselves when they fail. */
const gossip = () =>
  `Key ${SECRET} is not valid at ${upstream.url} (127.0.0.1:${upstream.port}), ask sk-abcdefghijklmnop.`;

const failing = (status: number, headers: Record<string, string> = {}): Answering => {
  return () =>
    Response.json(
      { error: { message: gossip(), type: "some_error", code: null, param: null } },
      { status, headers },
    );
};
const page = (status: number): Answering => {
  return () =>
    new Response(`<html>\n\n<body>${gossip()}</body>\n\n</html>`, {
      status,
      headers: { "content-type": "text/html" },
    });
};
const whole = (body: string, headers: Record<string, string> = {}): Answering => {
  return () => new Response(body, { headers: { "content-type": "application/json", ...headers } });
};
const never: Answering = () => new Promise<Response>(() => undefined);

type Fault = readonly [name: string, answering: Answering, status: number, code: string | null];

/** Faults that are the provider's own: the client may come again, and another provider may do better. */
const providersFaults: readonly Fault[] = [
  ["401", failing(401), 502, "provider_credential_refused"],
  ["402", failing(402), 502, "provider_out_of_credit"],
  ["403", failing(403), 502, "provider_credential_refused"],
  ["404", failing(404), 502, "provider_model_not_found"],
  ["408", failing(408), 504, "provider_timeout"],
  ["429", failing(429, { "retry-after": "7" }), 429, "provider_rate_limited"],
  ["500", failing(500), 502, "provider_error"],
  ["502 with a page", page(502), 502, "provider_error"],
  ["503", failing(503, { "retry-after": "3" }), 503, "provider_overloaded"],
  ["504", failing(504), 504, "provider_timeout"],
  ["529", failing(529), 503, "provider_overloaded"],
  ["301", () => Response.redirect(`${upstream.url}/elsewhere`, 301), 502, "provider_redirected"],
  ["307", () => Response.redirect(`${upstream.url}/elsewhere`, 307), 502, "provider_redirected"],
  ["no answer in time", never, 504, "provider_timeout"],
];

/** Faults that the provider finds in the request: no other provider would take it. */
const clientsFaults: readonly Fault[] = [
  ["400", failing(400), 400, "some_error"],
  ["409", failing(409), 409, "some_error"],
  ["413", failing(413), 413, "some_error"],
  ["422", failing(422), 422, "some_error"],
];

describe("a provider that refuses", () => {
  for (const [name, answering, status, code] of [...providersFaults, ...clientsFaults]) {
    test(`${name}: whole or streamed, the class is kept and nothing is charged`, async () => {
      for (const isStream of [false, true]) {
        const outcome = await call(answering, { model: "alone", stream: isStream });

        expect([outcome.status, outcome.error?.["code"]]).toEqual([status, code]);
        expect(outcome.events.map(({ outcome: how }) => how)).toEqual(["failed"]);
        expect(outcome.events.every(isFree)).toBe(true);
      }
    });
  }

  test("says when to come back, and that is passed on", async () => {
    const limited = await call(failing(429, { "retry-after": "7" }));
    const overloaded = await call(failing(503, { "retry-after-ms": "2500" }));

    expect(limited.headers.get("retry-after")).toBe("7");
    expect(overloaded.headers.get("retry-after")).toBe("3");
  });

  test("of the request: its words are passed on, for they help", async () => {
    const outcome = await call(() =>
      Response.json(
        { error: { message: "'tools' is too long.", code: "too_many_tools", param: "tools" } },
        { status: 400 },
      ),
    );

    expect(outcome.status).toBe(400);
    expect(outcome.error).toMatchObject({
      message: "'tools' is too long.",
      code: "too_many_tools",
      param: "tools",
    });
  });

  test("with a redirect, which is never followed", async () => {
    const before = upstream.requests.length;
    await call(() => Response.redirect(`${upstream.url}/elsewhere`, 302));

    expect(upstream.requests.slice(before).map(({ path }) => path)).toEqual([
      "/v1/chat/completions",
    ]);
  });
});

describe("a second deployment", () => {
  for (const [name, answering] of providersFaults) {
    test(`takes over after: ${name}`, async () => {
      for (const isStream of [false, true]) {
        const outcome = await call(answering, { model: newBacked(), stream: isStream });
        const [first, second] = outcome.events;

        expect(outcome.status).toBe(200);
        expect(textIn(outcome.text)).toBe("Hello there.");
        expect(outcome.headers.get("x-baseload-provider")).toBe("upstream");
        expect(outcome.events).toHaveLength(2);
        expect(first).toMatchObject({ attempt: 0, outcome: "failed", source: "none" });
        expect(second).toMatchObject({ attempt: 1, outcome: "completed", source: "provider" });
      }
    });
  }

  for (const [name, answering, status] of clientsFaults) {
    test(`is not asked after: ${name}`, async () => {
      const outcome = await call(answering, { model: newBacked() });

      expect(outcome.status).toBe(status);
      expect(outcome.events).toHaveLength(1);
    });
  }

  test("takes over from one that is not there", async () => {
    const lost = await call(never, { model: "unreachable" });
    const found = await call(never, { model: "reached-later" });

    expect([lost.status, lost.error["code"]]).toEqual([502, "provider_unreachable"]);
    expect(lost.events.every(isFree)).toBe(true);
    expect(found.status).toBe(200);
    expect(found.events.map(({ outcome }) => outcome)).toEqual(["failed", "completed"]);
  });

  test("takes over when a stream is asked for and something else comes", async () => {
    for (const answering of [
      page(200),
      whole(JSON.stringify({ error: { message: gossip(), code: 500 } })),
      whole(JSON.stringify(completion("Whole.", wireUsage(3, 2)))),
    ]) {
      const alone = await stream(answering);
      const backed = await stream(answering, { model: newBacked() });

      expect(alone.status).toBe(502);
      expect(alone.events.every(isFree)).toBe(true);
      expect(backed.status).toBe(200);
      expect(textIn(backed.text)).toBe("Hello there.");
    }
  });
});

describe("a whole answer that is none", () => {
  const cases: readonly Fault[] = [
    ["a page", page(200), 502, "provider_malformed_answer"],
    ["nothing", whole(""), 502, "provider_malformed_answer"],
    ["204", () => new Response(null, { status: 204 }), 502, "provider_malformed_answer"],
    ["half an object", whole('{"id":"chatcmpl-1","choices":['), 502, "provider_malformed_answer"],
    [
      "an error under status 200",
      () => Response.json({ error: { message: gossip(), code: 429 } }),
      429,
      "provider_rate_limited",
    ],
    [
      "one that goes silent in its middle",
      () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              controller.enqueue(new TextEncoder().encode('{"id":"chatcmpl-'));
              await new Promise(() => undefined);
            },
          }),
          { headers: { "content-type": "application/json" } },
        ),
      504,
      "provider_timeout",
    ],
  ];
  for (const [name, answering, status, code] of cases) {
    test(`${name}: not charged`, async () => {
      const outcome = await call(answering);

      expect([outcome.status, outcome.error["code"]]).toEqual([status, code]);
      expect(outcome.events.map(({ outcome: how }) => how)).toEqual(["failed"]);
      expect(outcome.events.every(isFree)).toBe(true);
    });
  }
});

describe("a stream that breaks off", () => {
  const words = ["word", "word", "word", "word"].map((content) => chunk({ content }));
  const cases: readonly [name: string, answering: Answering, code: string][] = [
    ["closed", () => sseResponse(words), "provider_connection_lost"],
    ["silent", () => sseResponse(words, "stay silent"), "provider_timeout"],
    [
      "ended by an error frame",
      () => sseResponse([...words, frame({ error: { message: gossip(), code: 503 } })]),
      "provider_overloaded",
    ],
    [
      "ended by an error event",
      () => sseResponse([...words, `event: error\ndata: ${gossip()}\n\n`]),
      "provider_error",
    ],
    [
      "cut in the middle of a frame",
      () => sseResponse([...words, 'data: {"choices":[{"index":0,"del']),
      "provider_connection_lost",
    ],
  ];
  for (const [name, answering, code] of cases) {
    test(`${name}: ends with an error frame, and what was delivered is charged`, async () => {
      const outcome = await stream(answering);
      const [event] = outcome.events;

      expect(outcome.status).toBe(200);
      expect(textIn(outcome.text)).toBe("wordwordwordword");
      expect(outcome.error["code"]).toBe(code);
      expect(outcome.text).not.toContain("[DONE]");
      expect(outcome.text).toMatch(/^: x-baseload-cost: 0\.0000\d+$/m);
      expect(event).toMatchObject({ outcome: "failed", source: "counted", outputTokens: 4 });
      expect(event?.inputTokens).toBeWithin(5, 50);
    });
  }

  test("reset: the same, as far as it came", async () => {
    // A reset may overtake what was sent before it.
    const outcome = await stream(() => sseResponse(words, "reset"));
    const [event] = outcome.events;

    if (outcome.status === 200) expect(outcome.error["code"]).toBe("provider_connection_lost");
    expect(event?.outcome).toBe("failed");
    expect(event?.outputTokens).toBe(textIn(outcome.text).length / 4);
  });

  test("before anything came: nothing is charged", async () => {
    for (const answering of [
      () => sseResponse([]),
      () => sseResponse([frame({ error: { message: gossip(), type: "overloaded_error" } })]),
    ]) {
      const outcome = await stream(answering);

      // Nothing has begun, so it is an error with a status of its own rather than a stream that ends with one.
      expect(outcome.error).toBeDefined();
      expect(outcome.status).toBeGreaterThanOrEqual(502);
      expect(outcome.events.map(isFree)).toEqual([true]);
    }
  });

  test("at a provider that can be asked: charged is what it says", async () => {
    await stack.model({ name: "asked", provider: "upstream" });
    const outcome = await stream(never, {
      model: "asked",
      sandbox: { prompt_tokens: 77, completion_tokens: 30, cut_after_tokens: 12 },
    });
    const [event] = outcome.events;
    const attempt = (await stack.served()).attempts.find(({ id }) => id === event?.eventId);

    expect(attempt).toMatchObject({ prompt_tokens: 77, completion_tokens: 12 });
    if (event?.source !== "none") {
      expect(event).toMatchObject({ source: "lookup", inputTokens: 77, outputTokens: 12 });
    }
  });
});

describe("usage", () => {
  const said = [chunk({ content: "word" }), chunk({ content: "word" })];

  test("that is missing is counted, and marked", async () => {
    const streamed = await stream(() => sseResponse([...said, lastChunk(), DONE]));
    const unary = await call(() => Response.json(completion("wordword")));

    for (const { status, events } of [streamed, unary]) {
      expect(status).toBe(200);
      expect(events).toMatchObject([
        { outcome: "completed", source: "counted", outputTokens: 2, uncoveredPicos: 0n },
      ]);
      expect(events[0]?.inputTokens).toBeWithin(5, 50);
    }
  });

  test("that is missing is counted over all choices", async () => {
    const choices = [0, 1, 2].flatMap((index) =>
      Array.from({ length: 5 }, () =>
        frame({ choices: [{ index, delta: { content: "word" }, finish_reason: null }] }),
      ),
    );
    const outcome = await stream(() => sseResponse([...choices, lastChunk(), DONE]), {
      n: 3,
      max_tokens: 5,
    });

    expect(outcome.events).toMatchObject([{ source: "counted", outputTokens: 15 }]);
  });

  test("that is repeated counts once, as it was last", async () => {
    const growing = [1, 2, 3].map((tokens) =>
      chunk({ content: "word" }, { usage: wireUsage(9, tokens) }),
    );
    const outcome = await stream(() =>
      sseResponse([...growing, lastChunk(), usageChunk(wireUsage(9, 4)), DONE]),
    );

    expect(outcome.events).toMatchObject([{ source: "provider", inputTokens: 9, outputTokens: 4 }]);
  });

  test("that is nonsense is counted instead", async () => {
    const nonsense = [{ prompt_tokens: -5, completion_tokens: "many" }, "none", [], 12];
    for (const usage of nonsense) {
      const outcome = await call(() => Response.json({ ...completion("wordword"), usage }));
      expect(outcome.events).toMatchObject([{ source: "counted", outputTokens: 2 }]);
    }
  });

  test("beyond the upper bound of a call is borne by us, whatever the provider says", async () => {
    const poor = await stack.key({ organization: "poor", creditUsd: "0.01" });
    upstream.answer = () => Response.json(completion("word", wireUsage(5, 900_000_000)));
    const messages = [{ role: "user", content: "Hello." }];
    const answered = await stack.chat(poor.key, { model: "alone", messages });
    await stack.untilPosted();
    const [event] = await stack.events({ keyId: poor.keyId });
    const wallet = await stack.wallet("poor");

    expect(answered.status).toBe(200);
    expect(event?.costPicos).toBe(5n * 1_000_000n + 900_000_000n * 2_000_000n);
    expect(event?.chargeNanos).toBeLessThanOrEqual(10_000_000n);
    expect(event?.uncoveredPicos).toBe(
      (event?.costPicos ?? 0n) - (event?.chargeNanos ?? 0n) * 1_000n,
    );
    expect(wallet.availableNanos).toBeGreaterThanOrEqual(0n);
    expect(wallet.spentNanos).toBe(event?.chargeNanos as never);
  });

  test("frames that are broken pass through, and the rest is read", async () => {
    const broken = 'data: {"choices":[{"index":0,"delta":{"cont\n\n';
    const outcome = await stream(() =>
      sseResponse([...said, broken, lastChunk(), usageChunk(wireUsage(8, 2)), DONE]),
    );

    expect(outcome.text).toContain(broken);
    expect(outcome.events).toMatchObject([{ outcome: "completed", inputTokens: 8 }]);
  });

  test("an answer without [DONE] is complete when it says so", async () => {
    const outcome = await stream(() =>
      sseResponse([...said, lastChunk(), usageChunk(wireUsage(8, 2))]),
    );

    expect(outcome.text).toEndWith(DONE);
    expect(outcome.events).toMatchObject([{ outcome: "completed", source: "provider" }]);
  });
});

test("neither the provider's key nor its address came out, by any way", async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${stack.port}/metrics`)).text();
  const texts = { seen: seen.join("\n"), logged: JSON.stringify(stack.logged), metrics };

  expect(seen.length).toBeGreaterThan(100);
  for (const [where, text] of Object.entries(texts)) {
    for (const secret of [
      SECRET,
      "sk-abcdefghijklmnop",
      `127.0.0.1:${upstream.port}`,
      upstream.url,
    ]) {
      expect({ where, found: text.includes(secret) }).toEqual({ where, found: false });
    }
  }
});
