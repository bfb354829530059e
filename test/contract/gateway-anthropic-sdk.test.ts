/** Anthropic's API as an application sees it: the real `@anthropic-ai/sdk` against running gateways. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import { BadRequestError, NotFoundError, PermissionDeniedError } from "@anthropic-ai/sdk";
import { picos, picosFromUsdPerMillion } from "../../src/lib/money.ts";
import {
  anthropicOf,
  asking,
  failureOf,
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

describe("usage", () => {
  const usage = {
    input_tokens: 100,
    cache_read_input_tokens: 2_000,
    cache_creation_input_tokens: 700,
    cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 },
    output_tokens: 50,
    output_tokens_details: { thinking_tokens: 20 },
  };

  test("of a cache is beside the input, and each part has its price", async () => {
    const perMillion = (usd: string) => picosFromUsdPerMillion(usd, "price");
    await stack.model({
      name: "cached",
      provider: "anthropic",
      terms: {
        uncached_input: perMillion("3"),
        cache_read: perMillion("0.3"),
        cache_write: perMillion("3.75"),
        cache_write_1h: perMillion("6"),
        output_text: perMillion("15"),
      },
    });
    upstream.answer = ({ body }) => {
      const whole = message([text("Hi.")], usage);
      return body["stream"] === true ? sseResponse(messageFrames(whole)) : Response.json(whole);
    };
    const asked = asking("Hi.", { model: "cached" });
    const whole = await client.messages.create(asked);
    const stream = client.messages.stream(asked);
    await stream.finalMessage();
    const cost = 100n * 3_000_000n + 2_000n * 300_000n + 300n * 3_750_000n + 400n * 6_000_000n;

    for (const id of [whole._request_id, stream.request_id]) {
      expect(await eventOf(id)).toMatchObject({
        inputTokens: 2_800,
        outputTokens: 50,
        costPicos: picos(cost + 50n * 15_000_000n),
        uncoveredPicos: 0n,
      });
    }
  });

  test("of searches needs a price, and is charged by the piece", async () => {
    const tools: Anthropic.ToolUnion[] = [{ type: "web_search_20250305", name: "web_search" }];
    const asked = asking("Search.", { model: "on-anthropic", tools });
    const refused = await failureOf(client.messages.create(asked));
    await stack.model({
      name: "searching",
      provider: "anthropic",
      terms: {
        uncached_input: picosFromUsdPerMillion("1", "input"),
        output_text: picosFromUsdPerMillion("2", "output"),
        search_units: picosFromUsdPerMillion("10000", "search"),
      },
    });
    upstream.answer = () =>
      Response.json(
        message([text("Found.")], {
          input_tokens: 9_000,
          output_tokens: 10,
          server_tool_use: { web_search_requests: 3 },
        }),
      );
    const found = await client.messages.create({ ...asked, model: "searching" });

    expect(refused).toBeInstanceOf(PermissionDeniedError);
    expect(refused.errorCode).toBe("no_price");
    expect(upstream.requests.at(-1)?.body["tools"]).toEqual([{ ...tools[0], max_uses: 10 }]);
    expect(await eventOf(found._request_id)).toMatchObject({
      inputTokens: 9_000,
      costPicos: picos(9_000n * 1_000_000n + 10n * 2_000_000n + 3n * 10_000_000_000n),
      uncoveredPicos: 0n,
    });
  });
});

describe("count_tokens", () => {
  const counting = (model: string, more: object = {}) => {
    const { max_tokens: _, ...asked } = asking("How long is this?", { model });
    return client.messages.countTokens({ ...asked, ...more }).withResponse();
  };

  test("is the provider's where it counts, and costs nothing", async () => {
    upstream.answer = () => Response.json({ input_tokens: 14 });
    const { data, response } = await counting("on-anthropic");
    const seen = upstream.requests.at(-1);
    await stack.untilPosted();

    expect(data.input_tokens).toBe(14);
    expect(response.headers.get("x-baseload-token-count")).toBe("provider");
    expect(seen?.path).toBe("/v1/messages/count_tokens");
    expect(seen?.body).toEqual({
      model: "their-model",
      messages: [{ role: "user", content: "How long is this?" }],
    });
    expect(seen?.headers.get("x-api-key")).toBe("sk-ant-7f3a");
    const requestId = response.headers.get("x-request-id") ?? "";
    expect(await stack.events({ requestId })).toEqual([]);
  });

  test("is our estimate everywhere else, and says so", async () => {
    const asked = upstream.requests.length;
    for (const model of ["sim", "on-openai"]) {
      const { data, response } = await counting(model);
      expect(data.input_tokens).toBeWithin(10, 60);
      expect(response.headers.get("x-baseload-token-count")).toBe("estimated");
    }
    expect(upstream.requests.length).toBe(asked);
  });

  test("is our estimate where the provider fails, and the client's mistake where it is one", async () => {
    for (const status of [404, 405, 500]) {
      upstream.answer = () => new Response("no such thing", { status });
      const { response } = await counting("on-anthropic");
      expect(response.headers.get("x-baseload-token-count")).toBe("estimated");
    }
    upstream.answer = () =>
      Response.json(
        { type: "error", error: { type: "invalid_request_error", message: "messages: too odd" } },
        { status: 400 },
      );
    const refused = await failureOf(counting("on-anthropic"));
    expect(refused).toBeInstanceOf(BadRequestError);
    expect(refused.apiMessage).toBe("messages: too odd");
  });
});

describe("models", () => {
  test("are listed page by page in Anthropic's shape", async () => {
    const first = await client.models.list({ limit: 2 });
    const names = (await Array.fromAsync(first)).map(({ id }) => id);
    const last = await client.models.list({ before_id: names[3] ?? "", limit: 2 });

    expect(first.data).toHaveLength(2);
    expect(first).toMatchObject({ has_more: true, first_id: names[0], last_id: names[1] });
    expect(names).toEqual(expect.arrayContaining(["on-anthropic", "on-openai", "sim"]));
    expect(new Set(names).size).toBe(names.length);
    expect(last.data.map(({ id }) => id)).toEqual(names.slice(1, 3));
    expect(last.has_more).toBe(true);
  });

  test("one of them, in both shapes", async () => {
    const model = await client.models.retrieve("sim");
    const bearer = { authorization: `Bearer ${key.key}` };
    const plain = await fetch(`${stack.url}/models/sim`, { headers: bearer });

    expect(model).toMatchObject({ type: "model", id: "sim", max_tokens: 1_000 });
    expect(await plain.json()).toMatchObject({ object: "model", id: "sim", owned_by: "upstream" });
    expect(await failureOf(client.models.retrieve("nope"))).toBeInstanceOf(NotFoundError);
    expect(await failureOf(client.models.list({ limit: 0 }))).toBeInstanceOf(BadRequestError);
    expect(await failureOf(client.models.list({ after_id: "x" }))).toBeInstanceOf(BadRequestError);
  });
});

describe("what reaches beyond the call is refused before anybody is asked", () => {
  const file = { type: "file", file_id: "file_011CNha8iCJcU1wXNR6q4V8w" } as const;
  const cases: [string, object][] = [
    ["inference_geo", { inference_geo: "us" }],
    ["fallbacks", { fallbacks: [{ model: "claude-opus-5" }] }],
    ["thread", { thread: { type: "create" } }],
    ["tools", { tools: [{ type: "advisor_20260301", name: "advisor", model: "claude-opus-5" }] }],
    ["messages", { messages: [{ role: "user", content: [{ type: "document", source: file }] }] }],
    [
      "messages",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "t", content: [{ type: "image", source: file }] },
            ],
          },
        ],
      },
    ],
  ];

  for (const [param, more] of cases) {
    test(`${param}: ${JSON.stringify(more).slice(0, 60)}`, async () => {
      const asked = upstream.requests.length;
      const error = await failureOf(
        client.messages.create({ ...asking("Hi.", { model: "on-anthropic" }), ...more }),
      );

      expect(error).toBeInstanceOf(BadRequestError);
      expect(error.errorCode).toBe("not_supported");
      expect(error.apiMessage).toStartWith(`'${param}' is not taken`);
      expect(upstream.requests.length).toBe(asked);
    });
  }
});
