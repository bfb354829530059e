/** The data plane as an application sees it: the real `openai` SDK against running gateways. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { picos, usdFromPicos } from "../../src/lib/money.ts";
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
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

type Params = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

/** US dollars per million tokens, with as many digits as a price may have. */
const price = { input: "0.137001", output: "1.913007", cached: "0.071003" };
const PICOS = { input: 137_001n, output: 1_913_007n, cached: 71_003n };

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;
let client: OpenAI;

const clientOf = (apiKey: string, baseURL = stack.url) =>
  new OpenAI({ apiKey, baseURL, maxRetries: 0 });

/** A request of the SDK's own type, and what the sandbox shall do with it: unknown fields are sent on. */
const asking = <T extends Partial<OpenAI.Chat.ChatCompletionCreateParams>>(
  content: string,
  more?: T & { sandbox?: object },
) =>
  ({ model: "sim", messages: [{ role: "user", content }], ...more }) as T & {
    model: string;
    messages: OpenAI.Chat.ChatCompletionMessageParam[];
  };

const streaming = (content: string, more?: object) =>
  asking(content, { stream: true, ...more } as { stream: true; sandbox?: object });

async function failureOf(promise: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(promise).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw new Error(`no error of the SDK: ${Bun.inspect(error)}`);
  return error;
}

async function readAll<T>(stream: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(stream);
}

const textOf = (chunks: readonly OpenAI.Chat.ChatCompletionChunk[]): string =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "scripted", url: upstream.url });
  await stack.model({ name: "sim", price });
  await stack.model({ name: "recorded", provider: "scripted", upstream: "vendor/recorded-1" });
  key = await stack.key();
  client = clientOf(key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

describe("a whole answer", () => {
  test("comes with its id, its cost and where it came from", async () => {
    const { data, response } = await client.chat.completions
      .create(asking("What is the capital of France?"))
      .withResponse();
    const { headers } = response;
    await stack.untilPosted();
    const [event] = await stack.events({ requestId: headers.get("x-request-id") ?? "" });

    expect(data.choices[0]?.message.content).toBe("What is the capital of France?");
    expect(data.usage?.total_tokens).toBeGreaterThan(10);
    expect(headers.get("x-baseload-model")).toBe("sim");
    expect(headers.get("x-baseload-provider")).toBe("upstream");
    expect(headers.get("x-baseload-region")).toBe("eu-test-1");
    expect(headers.get("x-baseload-transfer")).toBe(event?.eventId ?? "no event");
    expect(headers.get("x-baseload-lowered-max-tokens")).toBeNull();
    expect(event).toMatchObject({
      keyId: key.keyId,
      outcome: "completed",
      source: "provider",
      inputTokens: data.usage?.prompt_tokens,
      outputTokens: data.usage?.completion_tokens,
      uncoveredPicos: 0n,
    });
  });

  test("costs, to the last pico-dollar, what tokens times price is", async () => {
    const { headers } = await client.chat.completions
      .create(
        asking("Count.", {
          sandbox: {
            prompt_tokens: 10_007,
            cached_tokens: 4_001,
            reasoning_tokens: 97,
            completion_tokens: 413,
          },
        }),
      )
      .asResponse();
    const cost = 6_006n * PICOS.input + 4_001n * PICOS.cached + 413n * PICOS.output;
    await stack.untilPosted();
    const [event] = await stack.events({ requestId: headers.get("x-request-id") ?? "" });

    expect(headers.get("x-baseload-cost")).toBe(usdFromPicos(picos(cost)));
    expect(event).toMatchObject({ costPicos: cost, inputTokens: 10_007, outputTokens: 413 });
  });

  test("calls tools, several at once where the model does", async () => {
    const tool = (name: string): OpenAI.Chat.ChatCompletionTool => ({
      type: "function",
      function: { name, parameters: { type: "object", properties: { city: { type: "string" } } } },
    });
    const one = await client.chat.completions.create(
      asking("Weather?", { tools: [tool("get_weather")] }),
    );
    const two = await client.chat.completions.create(
      asking("Weather and time?", {
        tools: [tool("get_weather"), tool("get_time")],
        parallel_tool_calls: true,
        sandbox: {
          tool_calls: [
            { name: "get_weather", arguments: { city: "Paris" } },
            { name: "get_time", arguments: { city: "Rome" } },
          ],
        },
      }),
    );

    expect(one.choices[0]?.finish_reason).toBe("tool_calls");
    expect(one.choices[0]?.message.tool_calls).toHaveLength(1);
    const calls = two.choices[0]?.message.tool_calls ?? [];
    expect(
      calls.map((call) => (call.type === "function" ? JSON.parse(call.function.arguments) : null)),
    ).toEqual([{ city: "Paris" }, { city: "Rome" }]);
  });

  test("follows a JSON schema, gives log probabilities, and several choices", async () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name", "age"],
    };
    const shaped = await client.chat.completions.create(
      asking("Who?", {
        response_format: { type: "json_schema", json_schema: { name: "person", schema } },
      } satisfies Partial<Params>),
    );
    const many = await client.chat.completions.create(
      asking("Again.", { n: 3, logprobs: true, top_logprobs: 2 }),
    );

    expect(Object.keys(JSON.parse(shaped.choices[0]?.message.content ?? "{}"))).toEqual([
      "name",
      "age",
    ]);
    expect(many.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(many.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2);
    expect(many.usage?.completion_tokens).toBe(3 * 2);
  });
});

describe("what the provider is asked", () => {
  test("is what the client sent, but for the model's name, the output limit and the usage", async () => {
    upstream.answer = () => Response.json(completion("Seen.", wireUsage(20, 2)));
    const body = {
      model: "recorded",
      messages: [
        { role: "developer", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: 'What is this? \u{1f642} "quoted" \\ \n' },
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
          ],
        },
        { role: "assistant", content: null, tool_calls: [] },
      ],
      temperature: 0.25,
      logit_bias: { "50256": -100 },
      metadata: { team: "blue" },
      vendor_extension: { nested: [1, 2.5, null, { deep: true }] },
    };
    await client.chat.completions.create(body as unknown as Params);
    const seen = upstream.requests.at(-1);

    expect(seen?.body).toEqual({ ...body, model: "vendor/recorded-1", max_tokens: 1_000 });
    expect(seen?.path).toBe("/v1/chat/completions");
    expect(seen?.headers.get("authorization")).toBeNull();
    expect(seen?.headers.get("user-agent")).toBe("baseload");
  });

  test("keeps the client's own output limit, under the name it used", async () => {
    upstream.answer = () => Response.json(completion("Short.", wireUsage(5, 1)));
    for (const limit of [{ max_tokens: 7 }, { max_completion_tokens: 9 }, { max_tokens: 5_000 }]) {
      await client.chat.completions.create({ ...asking("Hi."), model: "recorded", ...limit });
    }
    const limits = upstream.requests
      .slice(-3)
      .map(({ body }) => [body["max_tokens"], body["max_completion_tokens"]]);

    expect(limits).toEqual([
      [7, undefined],
      [undefined, 9],
      // The model's own limit.
      [1_000, undefined],
    ]);
  });
});

describe("a stream", () => {
  const frames = [
    chunk({ role: "assistant", content: "" }, { usage: null }),
    chunk({ content: "Hel" }, { usage: null }),
    ": a comment of the provider\n\n",
    chunk({ content: "lo é\u{1f642}" }, { usage: null }),
    lastChunk(),
  ];
  const usage = usageChunk(wireUsage(12, 3));

  async function rawStream(body: object): Promise<string> {
    upstream.answer = () => sseResponse([...frames, usage, DONE]);
    const response = await fetch(`${stack.url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}` },
      body: JSON.stringify({ ...streaming("Hi."), model: "recorded", ...body }),
    });
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    expect(upstream.requests.at(-1)?.body["stream_options"]).toMatchObject({ include_usage: true });
    return await response.text();
  }

  /** Ours, before the last frame. */
  const comments =
    /: x-baseload-cost: 0\.000018\n: x-baseload-transfer: [0-9a-f-]{36}\n\n(?=data: \[DONE\])/;

  test("passes byte for byte with the usage that was asked for", async () => {
    const text = await rawStream({ stream_options: { include_usage: true } });

    expect(text).toMatch(comments);
    expect(text.replace(comments, "")).toBe([...frames, usage, DONE].join(""));
  });

  test("passes byte for byte without the usage that was not asked for", async () => {
    const hidden = await rawStream({});
    const declined = await rawStream({ stream_options: { include_usage: false } });

    for (const text of [hidden, declined]) {
      expect(text).toMatch(comments);
      expect(text.replace(comments, "")).toBe([...frames, DONE].join(""));
    }
  });

  test("is read by the SDK and charged what the provider reported, shown or hidden", async () => {
    const script = { sandbox: { prompt_tokens: 31, completion_tokens: 17 } };
    const shown = await client.chat.completions
      .create(streaming("Tell.", { ...script, stream_options: { include_usage: true } }))
      .withResponse();
    const shownChunks = await readAll(shown.data);
    const hidden = await client.chat.completions.create(streaming("Tell.", script)).withResponse();
    const hiddenChunks = await readAll(hidden.data);
    await stack.untilPosted();
    const idOf = ({ response }: { response: Response }) =>
      response.headers.get("x-request-id") ?? "";
    const events = [
      ...(await stack.events({ requestId: idOf(shown) })),
      ...(await stack.events({ requestId: idOf(hidden) })),
    ];

    expect(shownChunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 31, completion_tokens: 17 });
    expect(hiddenChunks.some(({ usage }) => usage != null)).toBe(false);
    expect(textOf(hiddenChunks)).toBe(textOf(shownChunks));
    expect(events).toHaveLength(2);
    for (const event of events) {
      expect(event).toMatchObject({
        outcome: "completed",
        source: "provider",
        costPicos: 31n * PICOS.input + 17n * PICOS.output,
      });
    }
    expect(shown.response.headers.get("x-baseload-model")).toBe("sim");
  });

  test("carries tool calls, piece by piece", async () => {
    const stream = await client.chat.completions.create(
      streaming("Do both.", {
        sandbox: {
          tool_calls: [
            { name: "first", arguments: { path: "a/long/path/to/a/file" } },
            { name: "second", arguments: { count: 12 } },
          ],
        },
      }),
    );
    const calls = new Map<number, { name: string; text: string }>();
    for (const { choices } of await readAll(stream)) {
      for (const { index, function: part } of choices[0]?.delta.tool_calls ?? []) {
        const call = calls.get(index) ?? { name: part?.name ?? "", text: "" };
        call.text += part?.arguments ?? "";
        calls.set(index, call);
      }
    }

    expect([...calls.values()].map(({ name, text }) => [name, JSON.parse(text)])).toEqual([
      ["first", { path: "a/long/path/to/a/file" }],
      ["second", { count: 12 }],
    ]);
  });
});

describe("an abort", () => {
  const slow = { prompt_tokens: 50, completion_tokens: 400, token_delay_ms: 20 };

  async function servedFor(before: number) {
    const attempt = await until("that the sandbox has seen the client leave", async () => {
      const { attempts } = await stack.served();
      return attempts.length > before && attempts.at(-1)?.state === "finished"
        ? attempts.at(-1)
        : undefined;
    });
    await stack.untilPosted();
    const events = await stack.events({ requestId: attempt.id });
    return { attempt, event: events[0] };
  }

  test("of a stream ends the provider's work, and what it did is charged", async () => {
    const before = (await stack.served()).attempts.length;
    const stream = await client.chat.completions.create(streaming("Long.", { sandbox: slow }));
    let seen = 0;
    for await (const _ of stream) {
      seen += 1;
      if (seen === 5) stream.controller.abort();
    }
    const { attempt, event } = await servedFor(before);

    expect(attempt.outcome).toBe("client_left");
    expect(attempt.completion_tokens).toBeWithin(1, 400);
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "lookup",
      inputTokens: 50,
      outputTokens: attempt.completion_tokens,
    });
  });

  test("before a whole answer ends the provider's work, and what it did is charged", async () => {
    const before = (await stack.served()).attempts.length;
    const abort = new AbortController();
    const asked = client.chat.completions.create(asking("Long.", { sandbox: slow }), {
      signal: abort.signal,
    });
    const failed = failureOf(asked);
    await until("that the sandbox works", async () => {
      return (await stack.served()).attempts.length > before;
    });
    abort.abort();
    const error = await failed;
    const { attempt, event } = await servedFor(before);

    expect(error).toBeInstanceOf(APIUserAbortError);
    expect(attempt.outcome).toBe("client_left");
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "lookup",
      inputTokens: 50,
      outputTokens: attempt.completion_tokens,
    });
  });
});

describe("errors arrive as the SDK's own classes", () => {
  test("AuthenticationError for a wrong key", async () => {
    const error = await failureOf(clientOf("sk-wrong").chat.completions.create(asking("Hi.")));

    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.code).toBe("invalid_api_key");
    expect(error.requestID).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("NotFoundError for an unknown model, with the nearest names", async () => {
    const error = await failureOf(
      client.chat.completions.create({ ...asking("Hi."), model: "recordde" }),
    );

    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain("recorded");
  });

  test("BadRequestError names the field", async () => {
    const error = await failureOf(
      client.chat.completions.create(
        asking("Hi.", { max_tokens: "many" as unknown as number } as Partial<Params>),
      ),
    );

    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ type: "invalid_request_error", param: "max_tokens" });
  });

  test("RateLimitError says when to come back", async () => {
    const limited = await stack.key({ rpm: 1 });
    const limitedClient = clientOf(limited.key);
    // Two more than the limit: the minute may turn once between them.
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map(() => limitedClient.chat.completions.create(asking("Hi."))),
    );
    const error = outcomes.find((outcome) => outcome.status === "rejected")?.reason as APIError;

    expect(error).toBeInstanceOf(RateLimitError);
    expect(Number(error.headers?.get("retry-after"))).toBeWithin(1, 61);
  });

  test("402 for an empty wallet", async () => {
    const poor = await stack.key({ organization: "poor", creditUsd: null });
    const error = await failureOf(clientOf(poor.key).chat.completions.create(asking("Hi.")));

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 402, code: "insufficient_quota" });
    expect(error.message).toContain("poor");
  });

  test("InternalServerError when the provider fails", async () => {
    const error = await failureOf(
      client.chat.completions.create(asking("Hi.", { sandbox: { error: { status: 500 } } })),
    );

    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "provider_error" });
  });

  test("the provider's own words where they are about the request", async () => {
    const error = await failureOf(
      client.chat.completions.create(
        asking("Hi.", {
          sandbox: {
            error: {
              status: 400,
              code: "context_length_exceeded",
              param: "messages",
              message: "This model has 8192 tokens of context.",
            },
          },
        }),
      ),
    );

    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    expect(error.message).toContain("8192 tokens");
  });

  test("an error frame in the middle of a stream is an APIError, after what came before it", async () => {
    const stream = await client.chat.completions.create(
      streaming("Long.", {
        sandbox: { completion_tokens: 20, error: { status: 503, code: "503", after_tokens: 7 } },
      }),
    );
    const chunks: OpenAI.Chat.ChatCompletionChunk[] = [];
    const error = await failureOf(
      (async () => {
        for await (const one of stream) chunks.push(one);
      })(),
    );

    expect(error).toMatchObject({ code: "provider_overloaded", type: "overloaded_error" });
    expect(textOf(chunks).trim().split(" ")).toHaveLength(7);
  });

  test("APIConnectionError when nobody listens", async () => {
    await using proxy = await startTcpProxy({ host: "127.0.0.1", port: stack.port });
    await proxy.refuse();
    const lost = clientOf(key.key, `http://127.0.0.1:${proxy.port}/v1`);
    const error = await failureOf(lost.chat.completions.create(asking("Hi.")));

    expect(error).toBeInstanceOf(APIConnectionError);
  });

  test("a connection lost in the middle of a stream is an error, and charged like an abort", async () => {
    await using proxy = await startTcpProxy({ host: "127.0.0.1", port: stack.port });
    const far = clientOf(key.key, `http://127.0.0.1:${proxy.port}/v1`);
    const { data, response } = await far.chat.completions
      .create(
        streaming("Long.", {
          sandbox: { prompt_tokens: 40, completion_tokens: 400, token_delay_ms: 20 },
        }),
      )
      .withResponse();
    const read = (async () => {
      for await (const _ of data) await proxy.refuse();
    })();
    const error = await read.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await stack.untilPosted();
    const requestId = response.headers.get("x-request-id") ?? "";
    const [event] = await stack.events({ requestId });
    const attempt = (await stack.served()).attempts.find(({ id }) => id === event?.eventId);

    expect(error).toBeInstanceOf(Error);
    expect(attempt?.outcome).toBe("client_left");
    expect(event).toMatchObject({
      outcome: "disconnected",
      inputTokens: 40,
      outputTokens: attempt?.completion_tokens,
    });
  });
});

describe("models.list", () => {
  test("names what can be called, for a key", async () => {
    const names = (await readAll(await client.models.list())).map(({ id }) => id);
    const error = await failureOf(clientOf("sk-wrong").models.list());

    expect(names).toEqual(["recorded", "sim"]);
    expect(error).toBeInstanceOf(AuthenticationError);
  });
});

describe("a test key", () => {
  test("reaches only the sandbox, whatever model it names, and is never billed", async () => {
    const testKey = await stack.key({ mode: "test", organization: "testers" });
    const testClient = clientOf(testKey.key);
    const servedBefore = await stack.served();
    const simulatedBefore = await stack.servedInTestMode();
    const whole = await testClient.chat.completions
      .create({ ...asking("Hello, sandbox."), model: "sandbox-echo" })
      .withResponse();
    const stream = await testClient.chat.completions.create({
      ...streaming("Hello, sandbox."),
      model: "recorded",
    });
    const chunks = await readAll(stream);
    const error = await failureOf(
      testClient.chat.completions.create({ ...asking("Hi."), model: "recordde" }),
    );
    await stack.untilPosted();

    expect(error).toBeInstanceOf(NotFoundError);
    expect(whole.data.choices[0]?.message.content).toBe("Hello, sandbox.");
    expect(whole.response.headers.get("x-baseload-cost")).toBe("0.00");
    expect(whole.response.headers.get("x-baseload-provider")).toBe("sandbox");
    expect(textOf(chunks)).toBe("Hello, sandbox.");
    expect((await stack.servedInTestMode()).calls).toBe(simulatedBefore.calls + 2);
    expect((await stack.served()).calls).toBe(servedBefore.calls);
    expect(await stack.events({ keyId: testKey.keyId })).toEqual([]);
    expect((await stack.wallet("testers")).spentNanos).toBe(0n as never);
  });
});
