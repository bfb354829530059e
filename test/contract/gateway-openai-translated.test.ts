/** OpenAI's own client in front of providers that do not speak its dialect: nothing it sees tells them apart. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { message, messageFrames, text, toolUse } from "../support/anthropic-client.ts";
import { asking, clientOf, failureOf, streaming, textOf } from "../support/openai-client.ts";
import {
  completion,
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let anthropic: ScriptedUpstream;
let openai: ScriptedUpstream;
let key: CreatedKey;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack();
  anthropic = startScriptedUpstream();
  openai = startScriptedUpstream();
  await stack.provider({ name: "a", dialect: "anthropic-messages", url: anthropic.url });
  await stack.provider({ name: "o", dialect: "openai-chat", url: openai.url });
  await stack.model({ name: "claude", provider: "a", upstream: "their-claude" });
  await stack.model({ name: "either", provider: "a", upstream: "their-claude" });
  await stack.deploy({ model: "either", provider: "o", upstream: "their-gpt" });
  key = await stack.key();
  client = clientOf(stack, key.key);
});
beforeEach(() => {
  anthropic.requests.length = 0;
  openai.requests.length = 0;
  openai.answer = () => Response.json(completion("Hello.", wireUsage(3, 2)));
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await anthropic[Symbol.asyncDispose]();
  await openai[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const usage = { input_tokens: 20, cache_read_input_tokens: 5, output_tokens: 5 };
const thinking = { type: "thinking", thinking: "Oslo?", signature: "EqQBCgIYAh" };
const calling = message(
  [thinking, text("I look."), toolUse("toolu_1", "weather", { city: "Oslo" })],
  usage,
);

const tools: OpenAI.Chat.ChatCompletionTool[] = [
  {
    type: "function",
    function: {
      name: "weather",
      parameters: { type: "object", properties: { city: { type: "string" } } },
    },
  },
];

describe("a model of another dialect", () => {
  test("answers whole, and is charged to the token", async () => {
    anthropic.answer = () => Response.json(message([text("Hi!")], usage));
    const { data, response } = await client.chat.completions
      .create(asking("Hello", { model: "claude", max_tokens: 300, top_p: 0.5 }))
      .withResponse();

    expect(anthropic.requests[0]).toMatchObject({
      path: "/v1/messages",
      body: {
        model: "their-claude",
        max_tokens: 300,
        top_p: 0.5,
        messages: [{ role: "user", content: [{ type: "text", text: "Hello" }] }],
      },
    });
    expect(data).toMatchObject({
      object: "chat.completion",
      model: "claude",
      choices: [{ message: { role: "assistant", content: "Hi!" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 25, completion_tokens: 5, total_tokens: 30 },
    });
    expect(response.headers.get("x-baseload-provider")).toBe("a");
    await stack.untilPosted();
    const [event] = await stack.events({ requestId: response.headers.get("x-request-id") ?? "" });
    expect(event).toMatchObject({ outcome: "completed", source: "provider", outputTokens: 5 });
  });

  test("streams, calls tools, and thinks on where it was, with its thoughts brought back", async () => {
    anthropic.answer = () => sseResponse(messageFrames(calling));
    const first = await client.chat.completions
      .stream({ ...streaming("Weather?", { model: "claude" }), tools, reasoning_effort: "low" })
      .finalChatCompletion();
    const said = first.choices[0]?.message;

    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    expect(said?.tool_calls).toMatchObject([
      { id: "toolu_1", function: { name: "weather", arguments: '{"city":"Oslo"}' } },
    ]);

    anthropic.answer = () => Response.json(message([text("Snow.")], usage));
    const whole = await client.chat.completions.create(asking("", { model: "claude" }));
    anthropic.answer = () => Response.json(calling);
    const again = await client.chat.completions.create(asking("", { model: "claude", tools }));
    await client.chat.completions.create({
      model: "claude",
      tools,
      messages: [
        { role: "user", content: "Weather?" },
        again.choices[0]?.message ?? { role: "assistant", content: "" },
        { role: "tool", tool_call_id: "toolu_1", content: "Snow" },
      ],
    });

    expect(whole.choices[0]?.message.content).toBe("Snow.");
    expect(anthropic.requests.at(-1)?.body["messages"]).toEqual([
      { role: "user", content: [{ type: "text", text: "Weather?" }] },
      {
        role: "assistant",
        content: [
          thinking,
          { type: "text", text: "I look." },
          { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: [{ type: "text", text: "Snow" }],
          },
        ],
      },
    ]);
  });

  test("that breaks off in the middle of a stream says so in the client's words", async () => {
    const frames = messageFrames(message([text("Once upon a time")], usage)).slice(0, 4);
    const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const last = `event: error\ndata: ${JSON.stringify(error)}\n\n`;
    anthropic.answer = () => sseResponse([...frames, last]);
    const stream = await client.chat.completions.create(streaming("Tell", { model: "claude" }));
    const chunks: OpenAI.Chat.ChatCompletionChunk[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const chunk of stream) chunks.push(chunk);
      })(),
    );

    expect(textOf(chunks)).not.toBe("");
    expect(failure.code).toBe("provider_overloaded");
  });

  test("that refuses a request is understood", async () => {
    const error = { type: "invalid_request_error", message: "top_p: too much" };
    anthropic.answer = () => Response.json({ type: "error", error }, { status: 400 });
    const failure = await failureOf(
      client.chat.completions.create(asking("Hello", { model: "claude" })),
    );

    expect([failure.status, failure.message]).toEqual([400, "400 top_p: too much"]);
  });
});

describe("what it has no words for", () => {
  test("is refused before anything is sent, with the field", async () => {
    const failure = await failureOf(
      client.chat.completions.create(asking("Hello", { model: "claude", seed: 7 })),
    );

    expect([failure.status, failure.code, failure.param]).toEqual([
      400,
      "untranslatable_field",
      "seed",
    ]);
    expect(anthropic.requests).toEqual([]);
  });

  test("goes to the next provider, if that has the words", async () => {
    const { data, response } = await client.chat.completions
      .create(asking("Hello", { model: "either", seed: 7 }))
      .withResponse();

    expect(data.choices[0]?.message.content).toBe("Hello.");
    expect(response.headers.get("x-baseload-provider")).toBe("o");
    expect(openai.requests[0]?.body).toMatchObject({ model: "their-gpt", seed: 7 });
    expect(anthropic.requests).toEqual([]);
  });
});
