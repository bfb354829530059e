/** The Responses API as an application sees it: the real `openai` SDK against running gateways. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { AuthenticationError, BadRequestError, NotFoundError, PermissionDeniedError } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import type { ResponseInput } from "openai/resources/responses/responses";
import { z } from "zod";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { asking, streamOf, weather } from "../support/responses-client.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { problemsOf } from "./responses-stream-rules.ts";

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  await stack.model({ name: "sim", price: { input: "1", output: "2" } });
  key = await stack.key();
  client = clientOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

describe("a whole answer", () => {
  test("has its text, its usage and its cost", async () => {
    const { data, response } = await client.responses.create(asking("Hello?")).withResponse();
    await stack.untilPosted();
    const [event] = await stack.events({ requestId: response.headers.get("x-request-id") ?? "" });

    expect(data).toMatchObject({
      object: "response",
      status: "completed",
      model: "sim",
      error: null,
    });
    expect(data.output_text).toBe("Hello?");
    expect(data.usage?.input_tokens).toBe(event?.inputTokens);
    expect(data.usage?.output_tokens).toBe(event?.outputTokens);
    expect(response.headers.get("x-baseload-cost")).toMatch(/^0\.0000/);
    expect(response.headers.get("x-baseload-provider")).toBe("upstream");
  });

  test("tells parts of its usage apart, and says what was asked", async () => {
    const sandbox = {
      prompt_tokens: 100,
      cached_tokens: 40,
      reasoning_tokens: 30,
      completion_tokens: 50,
    };
    const answer = await client.responses.create(
      asking("Think.", { sandbox, metadata: { a: "b" }, max_output_tokens: 500 }),
    );
    expect(answer.usage).toMatchObject({
      input_tokens: 100,
      input_tokens_details: { cached_tokens: 40 },
      output_tokens: 50,
      output_tokens_details: { reasoning_tokens: 30 },
      total_tokens: 150,
    });
    expect(answer).toMatchObject({ metadata: { a: "b" }, max_output_tokens: 500, tools: [] });
  });

  test("that became too long is incomplete", async () => {
    const answer = await client.responses.create(
      asking("x", { max_output_tokens: 16, sandbox: { completion_tokens: 50 } }),
    );
    expect(answer.status).toBe("incomplete");
    expect(answer.incomplete_details).toEqual({ reason: "max_output_tokens" });
  });

  test("in a shape is parsed by the SDK", async () => {
    const format = zodTextFormat(z.object({ city: z.string(), number: z.number() }), "place");
    const parsed = await client.responses.parse(asking("Where?", { text: { format } }));
    expect(parsed.output_parsed).toMatchObject({ city: expect.any(String) });
  });
});

describe("a stream", () => {
  test("is put together by the SDK, which hears every event", async () => {
    const types = new Set<string>();
    let text = "";
    const stream = client.responses
      .stream(asking("Count to three."))
      .on("event", ({ type }) => types.add(type))
      .on("response.output_text.delta", ({ delta }) => {
        text += delta;
      });
    const final = await stream.finalResponse();
    expect(final).toMatchObject({ status: "completed", output_text: "Count to three." });
    expect(text).toBe("Count to three.");
    expect([...types].sort()).toEqual(
      [
        "response.completed",
        ...["response.content_part.added", "response.content_part.done"],
        ...["response.created", "response.in_progress"],
        ...["response.output_item.added", "response.output_item.done"],
        ...["response.output_text.delta", "response.output_text.done"],
      ].sort(),
    );
  });

  test("keeps to the rules, and tells its cost before its last event", async () => {
    const { text, events } = await streamOf(stack, key, asking("Hi"));
    expect(problemsOf(events)).toEqual([]);
    expect(text.indexOf("x-baseload-cost")).toBeLessThan(text.indexOf("event: response.completed"));
  });

  test("of which a shape is parsed", async () => {
    const format = zodTextFormat(z.object({ city: z.string() }), "place");
    const final = await client.responses
      .stream(asking("Where?", { text: { format } }))
      .finalResponse();
    expect(final.output_parsed).toMatchObject({ city: expect.any(String) });
  });

  test("that its provider breaks off says so, and costs what was delivered", async () => {
    const sandbox = { completion_tokens: 40, cut_after_tokens: 10 };
    const { events } = await streamOf(stack, key, asking("Cut.", { sandbox }));
    expect(problemsOf(events)).toEqual([]);
    expect(events.slice(-2).map(({ type }) => type)).toEqual(["error", "response.failed"]);

    const error = await failureOf(
      client.responses.stream(asking("Cut.", { sandbox })).finalResponse(),
    );
    expect(error.code).toBe("provider_connection_lost");
  });
});

describe("tools", () => {
  test("are called, and their results answered, in several turns", async () => {
    const input: ResponseInput = [{ role: "user", content: "Weather in Bern?" }];
    const tool_calls = [{ name: "get_weather", arguments: { city: "Bern" } }];
    const first = await client.responses.create(
      asking(input, { tools: [weather], sandbox: { tool_calls } }),
    );
    const [call] = first.output;
    if (call?.type !== "function_call") throw new Error("no call");
    expect(JSON.parse(call.arguments)).toEqual({ city: "Bern" });

    input.push(...(first.output as ResponseInput), {
      type: "function_call_output",
      call_id: call.call_id,
      output: "Rain.",
    });
    const second = await client.responses.create(
      asking(input, { tools: [weather], sandbox: { answer: "It rains." } }),
    );
    expect(second.output_text).toBe("It rains.");
  });

  test("stream their arguments", async () => {
    const tool_calls = ["Bern", "Basel"].map((city) => ({
      name: "get_weather",
      arguments: { city },
    }));
    const { events } = await streamOf(
      stack,
      key,
      asking("Both?", { tools: [weather], sandbox: { tool_calls } }),
    );
    expect(problemsOf(events)).toEqual([]);
    const done = events.filter(({ type }) => type === "response.function_call_arguments.done");
    expect(done.map((event) => JSON.parse(String(event["arguments"])).city)).toEqual([
      "Bern",
      "Basel",
    ]);
  });
});

describe("errors come in OpenAI's shape", () => {
  const cases: readonly [
    name: string,
    body: object,
    error: typeof BadRequestError,
    code: string,
  ][] = [
    ["no such model", { model: "nope", input: "Hi" }, NotFoundError as never, "model_not_found"],
    ["no input", { model: "sim" }, BadRequestError, "invalid_field"],
    ["a wrong type", { model: "sim", input: 7 }, BadRequestError, "invalid_field"],
    ["a temperature beyond", asking("Hi", { temperature: 3 }), BadRequestError, "invalid_field"],
    [
      "a tool of the provider",
      asking("Hi", { tools: [{ type: "web_search" }] }),
      BadRequestError,
      "untranslatable_field",
    ],
    [
      "a template of the provider",
      asking("Hi", { prompt: { id: "p" } }),
      BadRequestError,
      "not_supported",
    ],
    [
      "a vector store of the provider",
      asking("Hi", { tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }] }),
      BadRequestError,
      "not_supported",
    ],
    [
      "a container of the provider",
      asking("Hi", { tools: [{ type: "code_interpreter", container: "cntr_1" }] }),
      BadRequestError,
      "not_supported",
    ],
    [
      "a file of the provider",
      asking([{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }]),
      BadRequestError,
      "not_supported",
    ],
    [
      "two conversations at once",
      asking("Hi", { previous_response_id: "resp_1", conversation: "conv_1" }),
      BadRequestError,
      "invalid_field",
    ],
  ];
  for (const [name, body, kind, code] of cases) {
    test(name, async () => {
      const error = await failureOf(client.responses.create(body as never));
      expect(error).toBeInstanceOf(kind);
      expect(error.code).toBe(code);
      expect(error.type).toBe("invalid_request_error");
    });
  }

  test("no key, and no money", async () => {
    const stranger = clientOf(stack, "bl_nope");
    expect(await failureOf(stranger.responses.create(asking("Hi")))).toBeInstanceOf(
      AuthenticationError,
    );
    const poor = await stack.key({ organization: "poor", creditUsd: null });
    const error = await failureOf(clientOf(stack, poor.key).responses.create(asking("Hi")));
    expect(error).not.toBeInstanceOf(PermissionDeniedError);
    expect([error.status, error.code]).toEqual([402, "insufficient_quota"]);
  });
});

test("tokens of the input are counted, those of the conversation before included", async () => {
  const count = async (body: object) =>
    (await client.responses.inputTokens.count(body)).input_tokens;
  const alone = await count(asking("Hello there, how are you?"));
  const first = await client.responses.create(asking("Something to begin with."));
  const more = await count(asking("Hello there, how are you?", { previous_response_id: first.id }));
  expect(alone).toBeGreaterThan(3);
  expect(more).toBeGreaterThan(alone);
});

test("a key of mode test is answered by the sandbox, and its responses are stored", async () => {
  const { key: testKey } = await stack.key({ mode: "test" });
  const trying = clientOf(stack, testKey);
  const first = await trying.responses.create({ model: "sandbox-echo", input: "Hi" });
  const second = await trying.responses.create({
    ...{ model: "sandbox-echo", input: "And?", previous_response_id: first.id },
  });
  expect(second.previous_response_id).toBe(first.id);
});
