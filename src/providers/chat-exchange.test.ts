import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { startScriptedUpstream } from "../../test/support/scripted-upstream.ts";
import { Failure } from "../lib/errors.ts";
import type { JsonObject } from "../lib/json.ts";
import { type ChatFacts, chatExchange } from "./chat-exchange.ts";
import type { Exchange, SendOptions } from "./exchange.ts";
import type { Upstream } from "./upstream.ts";

const scripted = startScriptedUpstream();
afterAll(() => scripted[Symbol.asyncDispose]());
beforeEach(() => {
  scripted.requests.length = 0;
});

const facts: ChatFacts = { requestId: "req_1", model: "ours", createdS: 1_790_000_000 };
const options: SendOptions = {
  upstreamModel: "up-1",
  maxOutputTokens: 100,
  attemptId: "att_1",
  tenant: "1",
  signal: new AbortController().signal,
  timeoutMs: 5_000,
};
const question = { model: "ours", messages: [{ role: "user", content: "Hi" }], max_tokens: 500 };

function upstreamOf(more: Partial<Upstream> = {}): Upstream {
  return {
    name: "acme",
    dialect: "openai-chat",
    baseUrl: scripted.url,
    credential: "secret",
    allowPrivate: true,
    quirks: {},
    ...more,
  };
}
const claude = upstreamOf({ dialect: "anthropic-messages" });

const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude",
  content: [{ type: "text", text: "Hello!" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 9, output_tokens: 2, cache_read_input_tokens: 5 },
};
const completion = `{"id":"c1",  "choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}`;

async function whole(exchange: Exchange, upstream: Upstream) {
  const response = await exchange.send(upstream, options);
  const answer = await exchange.readWhole(upstream, response);
  return { ...answer, text: Buffer.from(answer.bytes).toString() };
}

describe("a provider that speaks the client's dialect", () => {
  test("gets the client's own words, and its answer passes untouched", async () => {
    scripted.answer = () => new Response(completion);
    const body = { ...question, new_feature: { deep: [1, null] } };
    const answer = await whole(chatExchange("openai-chat", body, facts), upstreamOf());

    expect(scripted.requests[0]).toMatchObject({
      path: "/v1/chat/completions",
      body: { ...body, model: "up-1", max_tokens: 100 },
    });
    expect([answer.text, answer.contentType]).toEqual([completion, undefined]);
  });

  test("beside another one is spoken to in the client's, at the place for it, with the client's headers", async () => {
    scripted.answer = () => Response.json(message);
    const upstream = upstreamOf({
      baseUrl: "http://127.0.0.1:1/v1",
      quirks: {
        also_speaks: ["anthropic-messages"],
        dialect_urls: { "anthropic-messages": `${scripted.url}/anthropic` },
      },
    });
    const headers = { "anthropic-beta": "future-2027" };
    const exchange = chatExchange("anthropic-messages", question, { ...facts, headers });
    const answer = await whole(exchange, upstream);

    expect(scripted.requests[0]?.path).toBe("/v1/anthropic/messages");
    expect(scripted.requests[0]?.headers.get("anthropic-beta")).toBe("future-2027");
    expect(JSON.parse(answer.text)).toEqual(message);
  });
});

describe("a provider of another dialect", () => {
  test("gets the question in its words, and the client the answer in its own", async () => {
    scripted.answer = () => Response.json(message);
    const headers = { "x-of-the-client": "1" };
    const exchange = chatExchange("openai-chat", question, { ...facts, headers });
    const answer = await whole(exchange, claude);

    expect(scripted.requests[0]).toMatchObject({
      path: "/v1/messages",
      body: {
        model: "up-1",
        max_tokens: 100,
        messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
      },
    });
    const sent = scripted.requests[0]?.headers;
    expect([sent?.get("anthropic-version"), sent?.get("x-of-the-client")]).toEqual([
      "2023-06-01",
      null,
    ]);
    expect(answer.contentType).toBe("application/json");
    expect(answer.usage?.quantities).toEqual({ uncached_input: 9, cache_read: 5, output_text: 2 });
    expect(JSON.parse(answer.text)).toMatchObject({
      object: "chat.completion",
      model: "ours",
      choices: [{ message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" }],
      usage: {
        prompt_tokens: 14,
        completion_tokens: 2,
        total_tokens: 16,
        prompt_tokens_details: { cached_tokens: 5 },
      },
    });
  });

  test("streams, and the end waits", async () => {
    scripted.answer = () =>
      new Response(
        [
          { type: "message_start", message: { ...message, content: [] } },
          { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
          { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello!" } },
          { type: "content_block_stop", index: 0 },
          {
            type: "message_delta",
            delta: { stop_reason: "end_turn" },
            usage: { output_tokens: 2 },
          },
          { type: "message_stop" },
        ]
          .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
          .join(""),
        { headers: { "content-type": "text/event-stream" } },
      );
    const body = { ...question, stream: true };
    const exchange = chatExchange("openai-chat", body, facts);
    const response = await exchange.send(claude, options);
    const reader = exchange.readStream(claude);
    expect(reader.hasBegun).toBe(false);
    const sent = Buffer.concat(reader.take(await response.bytes())).toString();

    expect(sent).toContain('"content":"Hello!"');
    expect(sent).not.toContain('finish_reason":"stop');
    expect([reader.hasBegun, reader.done, reader.finished]).toEqual([true, true, true]);
    expect(reader.usage?.quantities).toEqual({ uncached_input: 9, cache_read: 5, output_text: 2 });
    expect(Buffer.from(reader.closing()).toString()).toEndWith("data: [DONE]\n\n");
  });

  test("that answers with an error under status 200, or with nothing known, has not answered", async () => {
    const exchange = chatExchange("openai-chat", question, facts);
    for (const body of ['{"error":{"message":"busy","code":429}}', "<html>"]) {
      scripted.answer = () => new Response(body);
      await expect(whole(exchange, claude)).rejects.toThrow(Failure);
    }
  });
});

describe("while a plan is made", () => {
  const whyNot = (body: JsonObject, upstream: Upstream) =>
    chatExchange("openai-chat", body, facts).whyNot(upstream);

  test("nothing stands against a provider that has the words, and nothing is asked", () => {
    expect(whyNot(question, upstreamOf())).toBeUndefined();
    expect(whyNot(question, claude)).toBeUndefined();
    expect(scripted.requests).toEqual([]);
  });

  test("what its dialect has no words for is told, with the field", () => {
    const body = { ...question, logit_bias: { "1": 5 } };
    expect(whyNot(body, upstreamOf())).toBeUndefined();
    expect(whyNot(body, claude)).toContain("'logit_bias'");
    expect(whyNot({ ...question, seed: 1 }, claude)).toContain("'seed'");
  });

  test("what its quirks say that it refuses is told", () => {
    const upstream = upstreamOf({ quirks: { choices_max: 1 } });
    expect(whyNot({ ...question, n: 2 }, upstream)).toContain("'n'");
  });

  test("a request that is malformed in its own dialect is the client's fault", () => {
    const body = { ...question, messages: [{ role: "user", content: [{ type: "text" }] }] };
    expect(() => whyNot(body, claude)).toThrow("messages[0].content[0].text");
  });
});
