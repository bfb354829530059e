/** Clients of the Responses API in front of providers of every dialect, and clients of the others in front of it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { picos } from "../../src/lib/money.ts";
import { anthropicOf, asking as askingAnthropic } from "../support/anthropic-client.ts";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { recorded, responseAtTheEnd, streamOf, weather } from "../support/responses-client.ts";
import {
  chunk,
  completion,
  DONE,
  frame,
  lastChunk,
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
  usageChunk,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { problemsOf } from "./responses-stream-rules.ts";

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;
const upstreams: ScriptedUpstream[] = [];
let chat: ScriptedUpstream;
let messages: ScriptedUpstream;
let responses: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack();
  for (const dialect of ["openai-chat", "anthropic-messages", "openai-responses"] as const) {
    const upstream = startScriptedUpstream();
    upstreams.push(upstream);
    await stack.provider({ name: dialect, url: upstream.url, dialect });
    await stack.model({ name: dialect, provider: dialect, upstream: "up-1" });
  }
  const terms = { uncached_input: picos(1n), output_text: picos(2n), search_units: picos(5n) };
  await stack.model({ name: "searching", provider: "openai-responses", upstream: "up-1", terms });
  [chat, messages, responses] = upstreams as [ScriptedUpstream, ScriptedUpstream, ScriptedUpstream];
  key = await stack.key();
  client = clientOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  for (const upstream of upstreams) await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const json = (body: string) =>
  new Response(body, { headers: { "content-type": "application/json" } });
const named = (type: string, fields: object): string =>
  `event: ${type}\n${frame({ type, ...fields })}`;

const message = (content: unknown[], stop_reason: string) => ({
  ...{ id: "msg_1", type: "message", role: "assistant", model: "up-1" },
  ...{ content, stop_reason, stop_sequence: null },
  usage: { input_tokens: 10, output_tokens: 7 },
});
const thinking = { type: "thinking", thinking: "Let me see.", signature: "EqQBsigned" };
const toolUse = { type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Bern" } };

describe("in front of chat", () => {
  test("thoughts, words and calls are items of a stream", async () => {
    const call = (index: number, city: string) => ({
      index,
      id: `call_${index}`,
      type: "function",
      function: { name: "get_weather", arguments: JSON.stringify({ city }) },
    });
    chat.answer = () =>
      sseResponse([
        chunk({ role: "assistant", reasoning_content: "Both" }),
        chunk({ reasoning_content: " at once." }),
        chunk({ content: "One moment." }),
        chunk({ tool_calls: [call(0, "Bern"), call(1, "Basel")] }),
        lastChunk("tool_calls"),
        usageChunk(wireUsage(10, 20)),
        DONE,
      ]);
    const body = { model: "openai-chat", input: "Weather?", tools: [weather] };
    const { events } = await streamOf(stack, key, body);
    expect(problemsOf(events)).toEqual([]);
    const { output, usage } = responseAtTheEnd(events);
    expect<unknown[]>(output.map(({ type }) => type)).toEqual([
      ...["reasoning", "message", "function_call", "function_call"],
    ]);
    expect(usage?.total_tokens).toBe(30);
    expect(chat.requests.at(-1)?.body).toMatchObject({
      model: "up-1",
      messages: [{ role: "user", content: "Weather?" }],
      tools: [{ type: "function", function: { name: "get_weather", strict: true } }],
    });
  });

  test("an error in the middle is told by the rules", async () => {
    chat.answer = () =>
      sseResponse([chunk({ content: "Well" }), frame({ error: { message: "overloaded" } })]);
    const { events } = await streamOf(stack, key, { model: "openai-chat", input: "Hi" });
    expect(problemsOf(events)).toEqual([]);
    expect(events.at(-1)?.type).toBe("response.failed");
  });
});

describe("in front of Anthropic's messages", () => {
  test("thoughts come with their seal and go back with it", async () => {
    messages.answer = () => Response.json(message([thinking, toolUse], "tool_use"));
    const asked = { model: "anthropic-messages", tools: [weather] };
    const first = await client.responses.create({
      ...{ ...asked, input: "Weather in Bern?", reasoning: { effort: "high", summary: "auto" } },
    });
    expect(first.output).toMatchObject([
      { type: "reasoning", summary: [{ type: "summary_text", text: "Let me see." }] },
      { type: "function_call", call_id: "toolu_1", arguments: '{"city":"Bern"}' },
    ]);

    messages.answer = () => Response.json(message([{ type: "text", text: "Rain." }], "end_turn"));
    const second = await client.responses.create({
      ...asked,
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id: "toolu_1", output: "rain" }],
    });
    expect(second.output_text).toBe("Rain.");
    expect(messages.requests.at(-1)?.body["messages"]).toMatchObject([
      { role: "user" },
      { role: "assistant", content: [thinking, toolUse] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1" }] },
    ]);
  });

  test("a stream keeps to the rules", async () => {
    const begun = message([], "end_turn");
    messages.answer = () =>
      sseResponse([
        named("message_start", { message: { ...begun, stop_reason: null } }),
        named("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
        named("content_block_delta", { index: 0, delta: { type: "text_delta", text: "Hel" } }),
        named("content_block_delta", { index: 0, delta: { type: "text_delta", text: "lo" } }),
        named("content_block_stop", { index: 0 }),
        named("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 9 } }),
        named("message_stop", {}),
      ]);
    const { events } = await streamOf(stack, key, { model: "anthropic-messages", input: "Hi" });
    expect(problemsOf(events)).toEqual([]);
    const { output, usage } = responseAtTheEnd(events);
    expect(JSON.stringify(output)).toContain("Hello");
    expect(usage).toMatchObject({ input_tokens: 10, output_tokens: 9 });
  });
});

describe("clients of other dialects", () => {
  test("of chat are answered by a provider of responses", async () => {
    responses.answer = () => json(recorded("function-calls.json"));
    const answer = await client.chat.completions.create({
      model: "openai-responses",
      messages: [{ role: "user", content: "Weather?" }],
      tools: [{ type: "function", function: { name: "get_weather", parameters: {} } }],
    });
    expect(answer.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { tool_calls: [{ id: "call_1" }, { id: "call_2" }] },
    });
    expect(responses.requests.at(-1)).toMatchObject({
      path: "/v1/responses",
      body: { model: "up-1", store: false, tools: [{ type: "function", strict: false }] },
    });

    responses.answer = () => sseResponse([recorded("text.sse")]);
    const stream = await client.chat.completions.create({
      ...{ model: "openai-responses", stream: true as const },
      messages: [{ role: "user" as const, content: "Hi" }],
    });
    let text = "";
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    expect(text).toBe("Hello wörld 🦊");
  });

  test("of Anthropic's messages, too", async () => {
    responses.answer = () => json(recorded("text.json"));
    const answer = await anthropicOf(stack, key.key).messages.create(
      askingAnthropic("Hi", { model: "openai-responses" }),
    );
    expect(answer.content).toMatchObject([{ type: "text", text: "Hello wörld 🦊" }]);
    expect(answer.usage).toMatchObject({ input_tokens: 176, cache_read_input_tokens: 1024 });
  });

  test("are refused what a provider of responses has no word for", async () => {
    const error = await failureOf(
      client.chat.completions.create({
        ...{ model: "openai-responses", seed: 1 },
        messages: [{ role: "user", content: "Hi" }],
      }),
    );
    expect([error.status, error.code, error.param]).toEqual([400, "untranslatable_field", "seed"]);
  });
});

describe("a provider of responses", () => {
  test("that fails under status 200 has failed", async () => {
    for (const error of [null, { code: "server_error", message: "Oh." }]) {
      const body = { ...JSON.parse(recorded("text.json")), status: "failed", error };
      responses.answer = () => Response.json(body);
      const failed = await failureOf(
        client.responses.create({ model: "openai-responses", input: "Hi" }),
      );
      expect(failed.status).toBeGreaterThanOrEqual(500);
    }
  });

  test("tells its errors in our words in the middle of a stream", async () => {
    responses.answer = () => sseResponse([recorded("failed.sse")]);
    const { text, events } = await streamOf(stack, key, { model: "openai-responses", input: "Hi" });
    expect(problemsOf(events)).toEqual([]);
    expect(text).not.toContain("10.0.0.7");
  });

  test("runs its tools where they have a price, and each use is charged", async () => {
    const asked = { input: "Bern?", tools: [{ type: "web_search" as const }] };
    const error = await failureOf(client.responses.create({ model: "openai-responses", ...asked }));
    expect(error.status).toBeGreaterThanOrEqual(400);
    responses.answer = () => json(recorded("web-search.json"));
    const { response } = await client.responses
      .create({ model: "searching", ...asked })
      .withResponse();
    expect(responses.requests.at(-1)?.body).toMatchObject({
      max_tool_calls: 10,
      tools: asked.tools,
    });
    const requestId = response.headers.get("x-request-id") ?? "";
    await stack.untilPosted();
    const [event] = await stack.events({ requestId });
    // 9,000 of input at 1, 120 of output at 2, and two searches at 5.
    expect(event?.costPicos).toBe(9_250n);
  });

  test("is asked itself how many tokens an input has", async () => {
    responses.answer = ({ path }) =>
      path.endsWith("/input_tokens")
        ? Response.json({ object: "response.input_tokens", input_tokens: 77 })
        : Response.json(completion("no"));
    const { data, response } = await client.responses.inputTokens
      .count({ model: "openai-responses", input: "Hi" })
      .withResponse();
    expect(data.input_tokens).toBe(77);
    expect(response.headers.get("x-baseload-token-count")).toBe("provider");
    expect(responses.requests.at(-1)?.body).toEqual({ model: "up-1", input: "Hi" });
  });
});
