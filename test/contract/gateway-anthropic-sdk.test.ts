/** Anthropic's API as an application sees it: the real `@anthropic-ai/sdk` against running gateways. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import {
  anthropicOf,
  asking,
  message,
  messageFrames,
  text,
  textOf,
  toolUse,
} from "../support/anthropic-client.ts";
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

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;
let client: Anthropic;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  upstream = startScriptedUpstream();
  const providers = [
    { name: "anthropic", dialect: "anthropic-messages", credential: "sk-ant-7f3a" },
    { name: "openai", dialect: "openai-chat" },
    { name: "responses", dialect: "openai-responses" },
    {
      name: "thinker",
      dialect: "openai-chat",
      quirks: { reasoning_replay: "reasoning_content" },
    },
  ] as const;
  for (const provider of providers) {
    await stack.provider({ ...provider, url: upstream.url });
    await stack.model({
      name: `on-${provider.name}`,
      provider: provider.name,
      upstream: "their-model",
    });
  }
  await stack.model({ name: "sim" });
  key = await stack.key();
  client = anthropicOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

/** What the one event of a call says, once it is posted. */
async function eventOf(requestId: string | null | undefined) {
  await stack.untilPosted();
  const events = await stack.events({ requestId: requestId ?? "" });
  expect(events).toHaveLength(1);
  return events[0];
}

type Content = Record<string, unknown>[];

/** The answers of the three dialects that say the same, whole or streamed as they are asked. */
const answers = {
  "on-anthropic": (words: string) => (isStream: boolean) => {
    const whole = message([text(words)], { input_tokens: 20, output_tokens: 5 });
    return isStream ? sseResponse(messageFrames(whole)) : Response.json(whole);
  },
  "on-openai": (words: string) => (isStream: boolean) =>
    isStream
      ? sseResponse([
          chunk({ role: "assistant", content: words }),
          lastChunk(),
          usageChunk(wireUsage(20, 5)),
          DONE,
        ])
      : Response.json(completion(words, wireUsage(20, 5))),
  "on-responses": (words: string) => (isStream: boolean) => {
    const content = [{ type: "output_text", text: words, annotations: [] }];
    const item = { type: "message", id: "msg_1", role: "assistant", status: "completed", content };
    const usage = { input_tokens: 20, output_tokens: 5, total_tokens: 25 };
    const response = {
      id: "resp_1",
      object: "response",
      model: "m",
      status: "completed",
      output: [item],
      usage,
    };
    if (!isStream) return Response.json(response);
    const open = { ...item, status: "in_progress", content: [] };
    const at = { item_id: "msg_1", output_index: 0, content_index: 0 };
    const events = [
      { type: "response.created", response: { ...response, status: "in_progress", output: [] } },
      { type: "response.output_item.added", output_index: 0, item: open },
      { type: "response.output_text.delta", ...at, delta: words },
      { type: "response.output_text.done", ...at, text: words },
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response },
    ].map((event, sequence_number) => ({ ...event, sequence_number }));
    return sseResponse(events.map((event) => `event: ${event.type}\n${frame(event)}`));
  },
};

describe("in front of an upstream of every dialect", () => {
  for (const [model, answering] of Object.entries(answers)) {
    test(`${model}: a whole answer, and what it cost`, async () => {
      const answer = answering("Paris.");
      upstream.answer = ({ body }) => answer(body["stream"] === true);
      const { data, response } = await client.messages
        .create(asking("The capital of France?", { model }))
        .withResponse();

      expect(textOf(data)).toBe("Paris.");
      expect(data).toMatchObject({ type: "message", role: "assistant", stop_reason: "end_turn" });
      expect(data.usage).toMatchObject({ input_tokens: 20, output_tokens: 5 });
      expect(response.headers.get("x-baseload-cost")).toBe("0.00003");
      expect(response.headers.get("request-id")).toBe(response.headers.get("x-request-id"));
      expect(await eventOf(response.headers.get("request-id"))).toMatchObject({
        outcome: "completed",
        source: "provider",
        inputTokens: 20,
        outputTokens: 5,
      });
    });

    test(`${model}: a stream, put together by the SDK`, async () => {
      const answer = answering("Paris.");
      upstream.answer = ({ body }) => answer(body["stream"] === true);
      const stream = client.messages.stream(asking("The capital of France?", { model }));
      const whole = await stream.finalMessage();

      expect(textOf(whole)).toBe("Paris.");
      expect(whole.stop_reason).toBe("end_turn");
      expect(whole.usage).toMatchObject({ input_tokens: 20, output_tokens: 5 });
      expect(await eventOf(stream.request_id)).toMatchObject({
        outcome: "completed",
        inputTokens: 20,
        outputTokens: 5,
      });
    });
  }

  test("the sandbox, whole and streamed", async () => {
    const whole = await client.messages.create(asking("Hello, sandbox."));
    const streamed = await client.messages.stream(asking("Hello, sandbox.")).finalMessage();

    for (const answer of [whole, streamed]) {
      expect(textOf(answer)).toBe("Hello, sandbox.");
      expect(answer.usage.input_tokens).toBeGreaterThan(2);
    }
  });
});

describe("what Anthropic is asked", () => {
  test("is what the client sent, but for the model's name and the limit", async () => {
    upstream.answer = () => Response.json(message([text("Seen.")]));
    const body = asking("What is this?", {
      model: "on-anthropic",
      max_tokens: 5_000,
      system: [
        { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
      ],
      tools: [
        { name: "look", input_schema: { type: "object" }, cache_control: { type: "ephemeral" } },
      ],
      thinking: { type: "adaptive", display: "omitted" },
      output_config: { effort: "low" },
      metadata: { user_id: "u-1" },
      ...{ vendor_extension: { nested: [1, null, { deep: true }] } },
    });
    await client.messages.create(body);
    const seen = upstream.requests.at(-1);

    // The model's own limit.
    expect(seen?.body).toEqual({ ...body, model: "their-model", max_tokens: 1_000 });
    expect(seen?.path).toBe("/v1/messages");
  });

  test("comes with its own credential, and with the client's version and betas", async () => {
    upstream.answer = () => Response.json(message([text("Seen.")]));
    const options = { headers: { "anthropic-workspace-id": "wrkspc_1", "x-secret": "s" } };
    await client.beta.messages.create(
      { ...asking("Hi."), model: "on-anthropic", betas: ["context-1m-2025-08-07", "next-2027"] },
      options,
    );
    const headers = upstream.requests.at(-1)?.headers;

    expect(headers?.get("x-api-key")).toBe("sk-ant-7f3a");
    expect(headers?.get("authorization")).toBeNull();
    expect(headers?.get("anthropic-beta")).toBe("context-1m-2025-08-07,next-2027");
    expect(headers?.get("anthropic-version")).toMatch(/^20\d\d-\d\d-\d\d$/);
    expect(headers?.get("anthropic-workspace-id")).toBeNull();
    expect(headers?.get("x-secret")).toBeNull();
    expect(headers?.get("user-agent")).toBe("baseload");
  });

  test("while others do not hear of Anthropic at all", async () => {
    upstream.answer = () => Response.json(completion("Seen.", wireUsage(1, 1)));
    await client.beta.messages.create({
      ...asking("Hi."),
      model: "on-openai",
      betas: ["context-1m-2025-08-07"],
    });
    const seen = upstream.requests.at(-1);

    expect([...(seen?.headers.keys() ?? [])].filter((name) => name.includes("anthropic"))).toEqual(
      [],
    );
    expect(seen?.body).toEqual({
      model: "their-model",
      messages: [{ role: "user", content: "Hi." }],
      max_tokens: 1_000,
    });
  });
});

test("a stream of the same dialect passes byte for byte, with the cost before its end", async () => {
  const frames = messageFrames(
    message([text("Hello, wörld 🦊."), toolUse("toolu_1", "look", { a: 1 })]),
  );
  upstream.answer = () => sseResponse(frames);
  const response = await fetch(`${stack.url}/messages`, {
    method: "POST",
    headers: { "x-api-key": key.key },
    body: JSON.stringify({ ...asking("Hi."), model: "on-anthropic", stream: true }),
  });
  const sent = await response.text();
  const comments =
    /: x-baseload-cost: 0\.00003\n: x-baseload-transfer: [0-9a-f-]{36}\n\n(?=event: message_stop)/;

  expect(response.headers.get("content-type")).toStartWith("text/event-stream");
  expect(sent).toMatch(comments);
  expect(sent.replace(comments, "")).toBe(frames.join(""));
});

describe("tools in several turns", () => {
  const tools: Anthropic.Tool[] = [
    { name: "look", description: "Looks.", input_schema: { type: "object", properties: {} } },
  ];

  async function twoTurns(model: string, first: Response, second: Response) {
    upstream.answer = () => first;
    const asked = asking("What is there?", { model, tools });
    const calling = await client.messages.stream(asked).finalMessage();
    upstream.answer = () => second;
    const call = calling.content.find((block) => block.type === "tool_use");
    const told = await client.messages.create({
      ...asked,
      messages: [
        ...asked.messages,
        { role: "assistant", content: calling.content },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "A fox." }],
        },
      ],
    });
    return { calling, call, told, seen: upstream.requests.at(-1)?.body };
  }

  test("with Anthropic", async () => {
    const thinking = { type: "thinking", thinking: "Let me look.", signature: "EqQBCgIYAhIM" };
    const content: Content = [
      thinking,
      text("Looking."),
      toolUse("toolu_1", "look", { at: "door" }),
    ];
    const { calling, call, told, seen } = await twoTurns(
      "on-anthropic",
      sseResponse(messageFrames(message(content))),
      Response.json(message([text("A fox is there.")])),
    );

    expect(calling.stop_reason).toBe("tool_use");
    expect(call).toMatchObject({ id: "toolu_1", name: "look", input: { at: "door" } });
    expect(calling.content[0]).toEqual(thinking as never);
    expect(textOf(told)).toBe("A fox is there.");
    expect((seen?.["messages"] as { content: Content }[] | undefined)?.[1]?.content[0]).toEqual(
      thinking,
    );
  });

  test("with a model of OpenAI's dialect, whose thoughts come back to it as they were", async () => {
    const called = {
      id: "call.1:0",
      type: "function",
      function: { name: "look", arguments: "{}" },
    };
    const { calling, told, seen } = await twoTurns(
      "on-thinker",
      sseResponse([
        chunk({ role: "assistant", reasoning_content: "Let me " }),
        chunk({ reasoning_content: "look." }),
        chunk({ tool_calls: [{ index: 0, ...called }] }),
        lastChunk("tool_calls"),
        usageChunk(wireUsage(30, 9)),
        DONE,
      ]),
      Response.json(completion("A fox is there.", wireUsage(40, 5))),
    );

    expect(calling.content.map(({ type }) => type)).toEqual(["thinking", "tool_use"]);
    expect(calling.content[0]).toMatchObject({ thinking: "Let me look." });
    expect(textOf(told)).toBe("A fox is there.");
    expect(seen?.["messages"]).toEqual([
      { role: "user", content: "What is there?" },
      {
        role: "assistant",
        content: null,
        reasoning_content: "Let me look.",
        tool_calls: [called],
      },
      { role: "tool", tool_call_id: "call.1:0", content: "A fox." },
    ]);
    expect(seen?.["tools"]).toEqual([
      {
        type: "function",
        function: {
          name: "look",
          description: "Looks.",
          parameters: { type: "object", properties: {} },
        },
      },
    ]);
  });

  test("thoughts of another provider are no use to Anthropic, and are not sent there", async () => {
    upstream.answer = () =>
      sseResponse([
        chunk({ role: "assistant", reasoning_content: "Hm." }),
        chunk({ content: "So." }),
        lastChunk(),
        usageChunk(wireUsage(30, 9)),
        DONE,
      ]);
    const asked = asking("Think.", { model: "on-openai" });
    const { content } = await client.messages.stream(asked).finalMessage();
    upstream.answer = () => Response.json(message([text("Indeed.")]));
    await client.messages.create({
      ...asked,
      model: "on-anthropic",
      messages: [...asked.messages, { role: "assistant", content }, { role: "user", content: "?" }],
    });
    const seen = upstream.requests.at(-1)?.body["messages"] as { content: Content }[] | undefined;

    expect(content[0]?.type).toBe("thinking");
    expect(seen?.[1]?.content).toEqual([expect.objectContaining({ type: "text", text: "So." })]);
  });
});
