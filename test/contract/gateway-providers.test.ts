/**
 * Providers through real gateways: an API that a package speaks, clients of every dialect in front of it, several
 * credentials, and what all of it costs.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { addCredential } from "../../src/domains/catalog/index.ts";
import { wireBytes, wireStream } from "../support/ai-sdk-caller.ts";
import {
  completion,
  type ScriptedUpstream,
  type SeenRequest,
  startScriptedUpstream,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, sealKey, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let key: CreatedKey;
let provider: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack();
  key = await stack.key();
  provider = startScriptedUpstream();
});
beforeEach(() => {
  provider.requests.length = 0;
});
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  stack.assertNoErrors();
  await provider[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const ask = (path: string, body: unknown): Promise<Response> =>
  fetch(`${stack.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

describe("a provider that is spoken through a package", () => {
  beforeAll(async () => {
    await stack.provider({
      name: "gemini",
      dialect: "ai-sdk",
      url: provider.url,
      credential: "AIza-of-tests",
      region: "eu",
      quirks: { ai_sdk_provider: "google" },
    });
    await stack.model({
      name: "flash",
      provider: "gemini",
      upstream: "gemini-2.5-flash",
      price: { input: "1", output: "10", cached: "0.1" },
    });
  });

  /** 20 fresh, 100 cached, 5 said and 8 thought. */
  const COST = "0.00016";

  test("answers a stream of chat, and each token is charged at its price", async () => {
    provider.answer = () => wireStream("gemini-answer.sse");

    const answer = await stack.chat(key.key, {
      model: "flash",
      messages: [{ role: "user", content: "Hello in French?" }],
      stream: true,
      stream_options: { include_usage: true },
    });

    expect(answer.text).toContain('"content":"Bonjour"');
    expect(answer.text).toContain('"cached_tokens":100');
    expect(answer.text).toContain(`: x-baseload-cost: ${COST}`);
    expect(answer.text.trimEnd()).toEndWith("data: [DONE]");
    expect(answer.headers.get("x-baseload-region")).toBe("eu");
  });

  test("answers clients of every dialect, whole", async () => {
    provider.answer = () => new Response(wireBytes("gemini-answer.json"));
    const hello = [{ role: "user", content: "Hello in French?" }];

    const answers = await Promise.all([
      ask("/chat/completions", { model: "flash", messages: hello }),
      ask("/responses", { model: "flash", input: "Hello in French?" }),
      ask("/messages", { model: "flash", max_tokens: 100, messages: hello }),
    ]);

    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-baseload-cost")).toBe(COST);
      expect(await answer.text()).toContain("Bonjour 🦊!");
    }
  });

  test("that is cut in its middle is charged by what was delivered", async () => {
    const whole = wireBytes("gemini-answer.sse");
    const events = { headers: { "content-type": "text/event-stream" } };
    provider.answer = () => new Response(whole.slice(0, whole.indexOf(" 🦊!") - 120), events);

    const answer = await stack.chat(key.key, {
      model: "flash",
      messages: [{ role: "user", content: "Hello in French?" }],
      stream: true,
    });

    expect(answer.text).toContain('"code":"provider_connection_lost"');
    expect(answer.text).not.toContain("[DONE]");
    await stack.untilPosted();
    const requestId = answer.headers.get("x-request-id") ?? "";
    expect(await stack.events({ requestId })).toMatchObject([
      { outcome: "failed", source: "counted" },
    ]);
  });

  test("is not asked what it has no words for; the client reads which field", async () => {
    const answer = await stack.chat(key.key, {
      model: "flash",
      messages: [{ role: "user", content: "Hello?" }],
      frequency_penalty: 0.5,
    });

    expect(answer.status).toBe(400);
    expect(answer.body["error"]).toMatchObject({
      code: "untranslatable_field",
      param: "frequency_penalty",
    });
    expect(provider.requests).toEqual([]);
  });
});

describe("a provider with several credentials", () => {
  let models = 0;

  /** A provider and a model of their own, with credentials `sk-one` and further ones by weight. */
  async function newModel(further: Record<string, number>): Promise<string> {
    const name = `accounts-${++models}`;
    await stack.provider({ name, url: provider.url, credential: "sk-one" });
    for (const [value, weight] of Object.entries(further)) {
      await addCredential(stack.database, {
        ...{ provider: name, name: value, value, weight },
        ...{ sealKey, actor: "test" },
      });
    }
    await stack.model({ name, provider: name });
    return name;
  }

  const keyOf = ({ headers }: SeenRequest): string =>
    headers.get("authorization")?.slice("Bearer ".length) ?? "";
  const good = () => Response.json(completion("Hi.", wireUsage(3, 2)));
  const chat = (model: string) =>
    stack.chat(key.key, { model, messages: [{ role: "user", content: "Hi" }] });

  test("goes on with the next one when one is refused, and charges once", async () => {
    const model = await newModel({ "sk-two": 1, "sk-three": 1 });
    provider.answer = (request) =>
      keyOf(request) === "sk-three"
        ? good()
        : Response.json({ error: { message: "no" } }, { status: 401 });

    const answers = [await chat(model), await chat(model), await chat(model)];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    // What was refused rests: it is not asked again and again.
    expect(
      provider.requests.filter((request) => keyOf(request) !== "sk-three").length,
    ).toBeLessThan(3);
    await stack.untilPosted();
    for (const { headers } of answers) {
      const events = await stack.events({ requestId: headers.get("x-request-id") ?? "" });
      expect(events.filter(({ outcome }) => outcome === "completed")).toHaveLength(1);
    }
  });

  test("spreads calls by weight, and leaves spares alone", async () => {
    const model = await newModel({ "sk-two": 3, "sk-spare": 0 });
    provider.answer = good;

    for (let calls = 0; calls < 40; calls++) await chat(model);

    const used = provider.requests.map(keyOf);
    const count = (name: string) => used.filter((value) => value === name).length;
    expect(count("sk-spare")).toBe(0);
    // One in four is expected; that the first takes half or none has a chance below 0.0005.
    expect(count("sk-one")).toBeGreaterThan(0);
    expect(count("sk-one")).toBeLessThan(22);
    expect(count("sk-one") + count("sk-two")).toBe(40);
  });

  test("takes its spare when the others are limited", async () => {
    const model = await newModel({ "sk-spare": 0 });
    provider.answer = (request) =>
      keyOf(request) === "sk-spare"
        ? good()
        : Response.json({ error: { message: "slow down" } }, { status: 429 });

    expect((await chat(model)).status).toBe(200);
    expect(provider.requests.map(keyOf)).toEqual(["sk-one", "sk-spare"]);
  });

  test("has a new one within moments, without a restart", async () => {
    const model = await newModel({});
    provider.answer = (request) =>
      keyOf(request) === "sk-new" ? good() : Response.json({}, { status: 401 });
    expect((await chat(model)).status).toBe(502);

    await addCredential(stack.database, {
      ...{ provider: model, name: "new", value: "sk-new", weight: 1 },
      ...{ sealKey, actor: "test" },
    });

    await until("the new credential is used", async () => (await chat(model)).status === 200);
  });
});
