/** The data plane as an application sees it: the real `openai` SDK against running gateways. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { AuthenticationError, NotFoundError } from "openai";
import { setPrice } from "../../src/domains/catalog/index.ts";
import { picos, picosFromUsdPerMillion, usdFromPicos } from "../../src/lib/money.ts";
import {
  asking,
  clientOf,
  failureOf,
  type Params,
  streaming,
  textOf,
} from "../support/openai-client.ts";
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
import { until } from "../support/until.ts";

/** US dollars per million tokens, with as many digits as a price may have. */
const price = { input: "0.137001", output: "1.913007", cached: "0.071003" };
const PICOS = { input: 137_001n, output: 1_913_007n, cached: 71_003n };

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "scripted", url: upstream.url });
  await stack.model({ name: "sim", price });
  await stack.model({ name: "recorded", provider: "scripted", upstream: "vendor/recorded-1" });
  key = await stack.key();
  client = clientOf(stack, key.key);
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

  test("costs what its model cost when it began, also after the price has changed", async () => {
    await stack.model({ name: "repriced", price: { input: "1", output: "1" } });
    const ask = async () => {
      const script = { prompt_tokens: 10, completion_tokens: 10 };
      const body = { ...asking("Price?", { sandbox: script }), model: "repriced" };
      const response = await client.chat.completions.create(body).asResponse();
      return response.headers.get("x-baseload-cost");
    };
    expect(await ask()).toBe("0.00002");
    const terms = {
      uncached_input: picosFromUsdPerMillion("2", "input"),
      output_text: picosFromUsdPerMillion("3", "output"),
    };
    await setPrice(stack.database, {
      ...{ model: "repriced", terms, nowMs: Date.now(), actor: "test" },
    });
    await until("that both gateways know the new price", async () => {
      const costs = await Promise.all(Array.from({ length: 8 }, ask));
      return costs.every((cost) => cost === "0.00005");
    });
    await stack.untilPosted();

    // Each event against the version that it names.
    expect((await stack.ledger()).problems).toEqual([]);
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
    const shownChunks = await Array.fromAsync(shown.data);
    const hidden = await client.chat.completions.create(streaming("Tell.", script)).withResponse();
    const hiddenChunks = await Array.fromAsync(hidden.data);
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
    for (const { choices } of await Array.fromAsync(stream)) {
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

describe("models.list", () => {
  test("names what can be called, for a key", async () => {
    const names = (await Array.fromAsync(await client.models.list())).map(({ id }) => id);
    const error = await failureOf(clientOf(stack, "sk-wrong").models.list());

    expect(names).toEqual(expect.arrayContaining(["recorded", "sim"]));
    expect(error).toBeInstanceOf(AuthenticationError);
  });
});

describe("a test key", () => {
  test("reaches only the sandbox, whatever model it names, and is never billed", async () => {
    const testKey = await stack.key({ mode: "test", organization: "testers" });
    const testClient = clientOf(stack, testKey.key);
    const servedBefore = await stack.served();
    const simulatedBefore = await stack.servedInTestMode();
    const whole = await testClient.chat.completions
      .create({ ...asking("Hello, sandbox."), model: "sandbox-echo" })
      .withResponse();
    const stream = await testClient.chat.completions.create({
      ...streaming("Hello, sandbox."),
      model: "recorded",
    });
    const chunks = await Array.fromAsync(stream);
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
