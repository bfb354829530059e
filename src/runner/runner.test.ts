import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
} from "openai/resources/chat/completions";
import { hostedModelForTests } from "../../test/support/hosted-model.ts";
import { newRequestId } from "../lib/ids.ts";
import { type Runner, startRunner } from "./start.ts";

const TOKEN = "a token for tests";
const PULL_MS = 320_000;
const model = "smollm2-135m-instruct";

let runner: Runner;
let small: Runner;
beforeAll(async () => {
  const { path } = await hostedModelForTests();
  const common = {
    modelPath: path,
    modelName: model,
    port: 0,
    hostname: "127.0.0.1",
    token: TOKEN,
  };
  const onFatal = (cause: unknown) => {
    throw cause;
  };
  runner = await startRunner({ ...common, contextTokens: 4096, sequences: 8, onFatal });
  small = await startRunner({
    ...common,
    ...{ contextTokens: 256, sequences: 1, queueMax: 2, onFatal },
  });
}, PULL_MS);
afterAll(() => Promise.all([runner?.stop(), small?.stop()]));

const user = (content: string) => [{ role: "user" as const, content }];
const sdk = (of: Runner = runner) => new OpenAI({ baseURL: of.url, apiKey: TOKEN, maxRetries: 0 });
const ask = (
  body: Partial<ChatCompletionCreateParams> & Record<string, unknown>,
  options: { of?: Runner; signal?: AbortSignal; attempt?: string } = {},
) =>
  fetch(`${(options.of ?? runner).url}/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(options.attempt === undefined ? {} : { "x-baseload-attempt": options.attempt }),
    },
    body: JSON.stringify({ model, messages: user("Hello"), max_tokens: 8, ...body }),
    signal: options.signal ?? null,
  });
const answer = async (body: Parameters<typeof ask>[0], of?: Runner) =>
  (await (await ask(body, of === undefined ? {} : { of })).json()) as ChatCompletion;
const get = (path: string, of: Runner = runner) =>
  fetch(of.url.replace(/\/v1$/, path), { headers: { authorization: `Bearer ${TOKEN}` } });
const metric = async (name: string, of: Runner = runner) => {
  const text = await (await get("/metrics", of)).text();
  return Number(new RegExp(`^baseload_runner_${name}{.*} (.+)$`, "m").exec(text)?.[1]);
};
const until = async (what: () => Promise<boolean>) => {
  for (let tries = 0; tries < 100; tries++) {
    if (await what()) return;
    await Bun.sleep(20);
  }
  throw new Error("it did not happen");
};
/** Chunks with the time of their arrival. */
async function* chunksOf(response: Response): AsyncGenerator<{ atMs: number; data: string }> {
  let rest = "";
  for await (const bytes of response.body ?? []) {
    rest += new TextDecoder().decode(bytes);
    const frames = rest.split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames)
      yield { atMs: performance.now(), data: frame.slice("data: ".length) };
  }
}

describe("the openai SDK", () => {
  test("gets an answer with its usage", async () => {
    const completion = await sdk().chat.completions.create({
      model,
      messages: user("Say hello."),
      max_tokens: 20,
      temperature: 0,
    });

    expect(completion.choices[0]?.message.content?.length).toBeGreaterThan(0);
    expect(completion.object).toBe("chat.completion");
    expect(completion.usage?.total_tokens).toBe(
      (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
    );
  });

  test("streams the same answer, with usage only when asked for", async () => {
    const body = { model, messages: user("Count to five."), max_tokens: 24, temperature: 0 };
    const whole = await sdk().chat.completions.create(body);
    for (const include_usage of [true, false]) {
      const chunks: ChatCompletionChunk[] = [];
      const stream = await sdk().chat.completions.create({
        ...body,
        stream: true,
        stream_options: { include_usage },
      });
      for await (const chunk of stream) chunks.push(chunk);

      const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
      expect(text).toBe(whole.choices[0]?.message.content ?? "");
      expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
      const finishes = chunks.flatMap((chunk) => chunk.choices[0]?.finish_reason ?? []);
      expect(finishes).toEqual([whole.choices[0]?.finish_reason ?? "stop"]);
      const usages = chunks.flatMap((chunk) => chunk.usage ?? []);
      expect(usages.map((usage) => usage.completion_tokens)).toEqual(
        include_usage ? [whole.usage?.completion_tokens ?? 0] : [],
      );
    }
  });

  test("parses calls of tools and refusals into its own classes", async () => {
    const tools = [weatherTool];
    const completion = await sdk().chat.completions.create({
      ...{ model, messages: user("What is the weather in Paris?"), tools, temperature: 0 },
      tool_choice: { type: "function", function: { name: "get_weather" } },
    });
    const call = completion.choices[0]?.message.tool_calls?.[0];

    expect(completion.choices[0]?.finish_reason).toBe("tool_calls");
    expect(call?.type === "function" && call.function.name).toBe("get_weather");
    const refusal = await sdk()
      .chat.completions.create({ model: "gpt-9", messages: user("x") })
      .catch((cause: unknown) => cause);
    expect(refusal).toBeInstanceOf(OpenAI.NotFoundError);
    const models = await sdk().models.list();
    expect(models.data.map((one) => one.id)).toEqual([model]);
    expect((await sdk().models.retrieve(model)).id).toBe(model);
  });
});

const weatherTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, unit: { enum: ["celsius", "fahrenheit"] } },
      required: ["city", "unit"],
    },
  },
} as const;

describe("what comes out", () => {
  test("JSON follows its schema", async () => {
    const schema = {
      type: "object",
      properties: {
        name: { type: "string", maxLength: 20 },
        age: { type: "integer" },
        mood: { enum: ["good", "bad", "😀é日本"] },
        pet: { anyOf: [{ type: "null" }, { $ref: "#/$defs/pet" }] },
        scores: { type: "array", items: { type: "number" }, minItems: 2, maxItems: 3 },
      },
      required: ["name", "age", "mood", "pet", "scores"],
      additionalProperties: false,
      $defs: { pet: { type: "object", properties: { kind: { const: "cat" } } } },
    };
    for (const seed of [1, 2, 3]) {
      const completion = await answer({
        messages: user("Describe a person."),
        ...{ max_tokens: 300, temperature: 1, seed },
        response_format: { type: "json_schema", json_schema: { name: "p", strict: true, schema } },
      });
      const person = JSON.parse(completion.choices[0]?.message.content ?? "");

      expect(completion.choices[0]?.finish_reason).toBe("stop");
      expect(Object.keys(person)).toEqual(["name", "age", "mood", "pet", "scores"]);
      expect(Number.isInteger(person.age)).toBe(true);
      expect(schema.properties.mood.enum).toContain(person.mood);
      expect([2, 3]).toContain(person.scores.length);
      if (person.pet !== null) expect(person.pet).toEqual({ kind: "cat" });
    }
  });

  test("any JSON object, when no schema is given", async () => {
    const completion = await answer({
      messages: user("Describe a person as JSON."),
      ...{ max_tokens: 400, temperature: 0 },
      response_format: { type: "json_object" },
    });
    expect(JSON.parse(completion.choices[0]?.message.content ?? "")).toBeObject();
  });

  test("a schema that cannot be enforced is refused when strictness was asked for", async () => {
    const schema = { type: "object", properties: { a: { type: "string", pattern: "^x" } } };
    const response = await ask({
      response_format: { type: "json_schema", json_schema: { name: "p", strict: true, schema } },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param: "response_format.json_schema.schema", code: "invalid_json_schema" },
    });
  });

  test("characters over several tokens are never torn apart", async () => {
    const text = "日本語 😀👩‍👩‍👧 é";
    const schema = { type: "object", properties: { text: { const: text } } };
    const response = await ask({
      ...{ stream: true, max_tokens: 200 },
      response_format: { type: "json_schema", json_schema: { name: "t", schema } },
    });
    let content = "";
    for await (const { data } of chunksOf(response)) {
      expect(data).not.toContain("\uFFFD");
      if (data !== "[DONE]") content += JSON.parse(data).choices[0]?.delta.content ?? "";
    }
    expect(JSON.parse(content)).toEqual({ text });
  });

  test("a call of a tool, when one is required", async () => {
    const completion = await answer({
      messages: user("What is the weather in Paris?"),
      ...{ tools: [weatherTool], tool_choice: "required", max_tokens: 200, temperature: 0 },
    });
    const [choice] = completion.choices;
    const call = choice?.message.tool_calls?.[0];
    if (call?.type !== "function") throw new Error("no call");

    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.content).toBeNull();
    expect(Object.keys(JSON.parse(call.function.arguments))).toEqual(["city", "unit"]);
    expect(["celsius", "fahrenheit"]).toContain(JSON.parse(call.function.arguments).unit);

    const next = await answer({
      messages: [
        ...user("What is the weather in Paris?"),
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: call.id, content: "18 degrees, rain" },
      ],
      ...{ tools: [weatherTool], max_tokens: 40, temperature: 0 },
    });
    expect(next.choices[0]?.finish_reason).toMatch(/stop|length|tool_calls/);
  });

  test("a call that the model begins by itself is guided and streamed as a call", async () => {
    const response = await ask({
      messages: [
        { role: "system", content: "Answer with a function call in <tool_call> marks, always." },
        ...user("Weather in Oslo?"),
        {
          role: "assistant",
          content:
            '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome", "unit": "celsius"}}\n</tool_call>',
        },
        ...user("And in Paris?"),
      ],
      ...{ tools: [weatherTool], stream: true, max_tokens: 120, temperature: 0 },
    });
    const deltas: ChatCompletionChunk.Choice[] = [];
    for await (const { data } of chunksOf(response)) {
      if (data !== "[DONE]") deltas.push(JSON.parse(data).choices[0]);
    }
    const call = deltas.flatMap((choice) => choice.delta.tool_calls ?? [])[0];

    expect(call?.function?.name).toBe("get_weather");
    expect(Object.keys(JSON.parse(call?.function?.arguments ?? ""))).toEqual(["city", "unit"]);
    expect(deltas.map((choice) => choice.delta.content ?? "").join("")).not.toContain("tool_call");
    expect(deltas.at(-1)?.finish_reason).toBe("tool_calls");
  });

  test("stop strings end it, and are not part of it", async () => {
    const body = { messages: user("Count: one, two, three, four"), temperature: 0, max_tokens: 30 };
    const whole = (await answer(body)).choices[0]?.message.content ?? "";
    const stop = whole.slice(10, 14);
    const cut = await answer({ ...body, stop });

    expect(cut.choices[0]?.message.content).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(cut.choices[0]?.finish_reason).toBe("stop");
  });

  test("seeds repeat it, biases and penalties change it", async () => {
    const body = { messages: user("Tell me a story."), temperature: 1, top_p: 1, max_tokens: 24 };
    const text = async (more: object) =>
      (await answer({ ...body, ...more })).choices[0]?.message.content;
    // The first use of a prompt reads it in another batch; only equal batches are equal to the last bit.
    await text({ seed: 7 });

    expect(await text({ seed: 7 })).toBe(await text({ seed: 7 }));
    expect(await text({ seed: 8 })).not.toBe(await text({ seed: 7 }));
    expect((await ask({ logit_bias: { "2": -100 } })).status).toBe(400);
    const plain = await text({ temperature: 0 });
    expect(await text({ temperature: 0, frequency_penalty: 2, presence_penalty: 2 })).not.toBe(
      plain,
    );
    const biased = await answer({ ...body, max_tokens: 5, logit_bias: { [tokenOfX]: 100 } });
    expect(biased.choices[0]?.message.content).toBe("XXXXX");
  });

  test("log-probabilities are the model's own", async () => {
    const completion = await answer({
      messages: user("Say hello."),
      ...{ logprobs: true, top_logprobs: 5, temperature: 1, seed: 3, max_tokens: 6 },
    });
    const tokens = completion.choices[0]?.logprobs?.content ?? [];

    expect(tokens.map(({ token }) => token).join("")).toBe(
      completion.choices[0]?.message.content ?? "",
    );
    for (const { logprob, top_logprobs } of tokens) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top_logprobs).toHaveLength(5);
      const sorted = top_logprobs.map((one) => one.logprob).sort((a, b) => b - a);
      expect(top_logprobs.map((one) => one.logprob)).toEqual(sorted);
    }
  });
});

describe("what was counted", () => {
  test("a prompt seen before is found evaluated", async () => {
    const text = "The history of electricity begins with amber. ".repeat(20);
    const before = await answer({ messages: user(`${text} Why?`) });
    const after = await answer({ messages: user(`${text} When?`) });
    const prompt = after.usage?.prompt_tokens ?? 0;

    expect(before.usage?.prompt_tokens_details?.cached_tokens).toBeLessThan(40);
    expect(after.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(prompt - 20);
    expect(after.usage?.prompt_tokens_details?.cached_tokens).toBeLessThan(prompt);
  });

  test("a prompt that does not fit is refused, with the number of its tokens", async () => {
    const response = await ask({ messages: user("word ".repeat(300)) }, { of: small });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    expect(error.message).toContain("256 tokens");
    expect(error.message).toMatch(/have 3\d\d tokens/);
    const huge = await ask({ messages: user("x".repeat(1_000_000)) }, { of: small });
    expect(huge.status).toBe(400);
  });

  test("an answer ends with the context, to the token", async () => {
    const { choices, usage } = await answer(
      {
        messages: user("word ".repeat(200)),
        max_tokens: 10_000,
        ...endless,
      },
      small,
    );
    expect(choices[0]?.finish_reason).toBe("length");
    expect(usage?.total_tokens).toBe(256);
  });

  test("an attempt is known while it runs and after it ended, and never made twice", async () => {
    const attempt = newRequestId();
    const look = async () => (await get(`/v1/attempts/${attempt}`)).json();
    expect((await get(`/v1/attempts/${attempt}`)).status).toBe(404);

    const response = await ask({ stream: true, max_tokens: 60, ...endless }, { attempt });
    expect(await look()).toMatchObject({ state: "running" });
    const chunks = await Array.fromAsync(chunksOf(response));
    const usage = { prompt_tokens: expect.any(Number), completion_tokens: 60 };

    expect(chunks.at(-1)?.data).toBe("[DONE]");
    expect(await look()).toMatchObject({ state: "finished", usage });
    expect((await ask({}, { attempt })).status).toBe(409);
    expect((await ask({ temperature: 9 }, { attempt: newRequestId() })).status).toBe(400);
    expect((await get("/v1/attempts/01890000-0000-7000-8000-000000000000")).status).toBe(410);
  });
});

/** The letter X in the vocabulary of SmolLM2. */
const tokenOfX = 72;

/** Never lets the model end by itself. */
const endless = { ignore_eos: true };

describe("cancellation", () => {
  test("stops a stream within a token, and counts what was generated", async () => {
    const attempt = newRequestId();
    const controller = new AbortController();
    const response = await ask(
      { stream: true, max_tokens: 3_000, ...endless },
      { attempt, signal: controller.signal },
    );
    let received = 0;
    const reading = (async () => {
      for await (const _ of chunksOf(response)) if (++received === 20) controller.abort();
    })();
    await reading.catch(() => undefined);
    await until(async () => (await metric("active_sequences")) === 0);
    const settled = (await (await get(`/v1/attempts/${attempt}`)).json()) as Settled;
    await Bun.sleep(100);

    expect(settled.state).toBe("finished");
    expect(settled.usage.completion_tokens).toBeGreaterThanOrEqual(19);
    expect(settled.usage.completion_tokens).toBeLessThan(40);
    expect(await (await get(`/v1/attempts/${attempt}`)).json()).toEqual(settled);
  });

  test("stops an answer in one piece", async () => {
    const attempt = newRequestId();
    const signal = AbortSignal.timeout(300);
    await ask({ max_tokens: 3_000, ...endless }, { attempt, signal }).catch(() => undefined);
    await until(async () => (await metric("active_sequences")) === 0);
    const settled = (await (await get(`/v1/attempts/${attempt}`)).json()) as Settled;

    expect(settled.state).toBe("finished");
    expect(settled.usage.completion_tokens).toBeGreaterThan(0);
    expect(settled.usage.completion_tokens).toBeLessThan(300);
  });

  test("stops the reading of a long prompt, and counts what was read", async () => {
    const attempt = newRequestId();
    const messages = user(longText(3_000));
    const signal = AbortSignal.timeout(400);
    await ask({ messages }, { attempt, signal }).catch(() => undefined);
    const since = performance.now();
    await until(async () => (await metric("active_sequences")) === 0);
    const tookMs = performance.now() - since;
    const settled = (await (await get(`/v1/attempts/${attempt}`)).json()) as Settled;

    expect(tookMs).toBeLessThan(1_500);
    expect(settled.usage.completion_tokens).toBe(0);
    expect(settled.usage.prompt_tokens).toBeGreaterThan(0);
    expect(settled.usage.prompt_tokens).toBeLessThan(2_900);
  });

  test("a full queue refuses, and those who leave it are forgotten", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const running = ask({ max_tokens: 200, ...endless }, { of: small, signal });
    await until(async () => (await metric("active_sequences", small)) === 1);
    const attempt = newRequestId();
    const waiting = ask({}, { of: small, signal, attempt });
    await until(async () => (await metric("queue_length", small)) === 1);
    const refused = await ask({}, { of: small });

    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: "queue_full" } });
    controller.abort();
    await Promise.allSettled([running, waiting]);
    await until(async () => (await metric("queue_length", small)) === 0);
    expect(await (await get(`/v1/attempts/${attempt}`, small)).json()).toMatchObject({
      state: "finished",
      usage: { total_tokens: 0 },
    });
    expect((await ask({}, { of: small })).status).toBe(200);
  });
});

type Settled = { state: string; usage: { prompt_tokens: number; completion_tokens: number } };

/** Text that no cache has seen, of about this many tokens. */
let texts = 0;
const longText = (tokens: number) => `${++texts} ${"amber and silk ".repeat(tokens / 3)}`;

describe("several at once", () => {
  test("a long prompt does not keep the others waiting", async () => {
    const other = await ask({ stream: true, max_tokens: 3_000, ...endless });
    const times: number[] = [];
    const done = new AbortController();
    const reading = (async () => {
      for await (const { atMs } of chunksOf(other)) {
        times.push(atMs);
        if (done.signal.aborted) break;
      }
    })();
    await until(async () => times.length > 10);
    const from = performance.now();
    const response = await ask({ messages: user(longText(3_000)), max_tokens: 1 });
    const to = performance.now();
    done.abort();
    await reading;

    expect(response.status).toBe(200);
    const during = times.filter((at) => at > from && at < to);
    const gaps = during.slice(1).map((at, index) => at - (during[index] ?? at));
    // One slice at a time: at least a token for each of the 47 slices, and no gap near the whole reading.
    expect(during.length).toBeGreaterThan(40);
    expect(Math.max(...gaps)).toBeLessThan((to - from) / 4);
  }, 60_000);

  test("eight streams end, each with its own answer and its own counts", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, seed) => {
        const response = await ask({
          messages: user(`Write about the number ${seed}.`),
          ...{ stream: true, stream_options: { include_usage: true }, max_tokens: 32, seed },
          ...endless,
        });
        const chunks = await Array.fromAsync(chunksOf(response));
        const parsed = chunks.slice(0, -1).map(({ data }) => JSON.parse(data));
        return {
          text: parsed.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""),
          usage: parsed.at(-1)?.usage,
        };
      }),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(8);
    for (const { usage } of answers) expect(usage.completion_tokens).toBe(32);
    expect(await metric("active_sequences")).toBe(0);
  }, 60_000);
});

describe("the door", () => {
  test("lets nobody in without the token, but tells its health", async () => {
    const root = runner.url.replace(/\/v1$/, "");
    for (const path of ["/v1/models", "/metrics", "/v1/attempts/x", "/nowhere"]) {
      expect((await fetch(root + path)).status).toBe(401);
    }
    expect(await (await fetch(`${root}/healthz`)).json()).toEqual({ ok: true, model });
    expect((await get("/nowhere")).status).toBe(404);
    expect((await get("/v1/models/other")).status).toBe(404);
  });

  test("refuses what does not fit into memory or into the model, and says why", async () => {
    const { path } = await hostedModelForTests();
    const start = (more: { contextTokens?: number; sequences?: number }) =>
      startRunner({
        ...{ modelPath: path, modelName: model, port: 0, hostname: "127.0.0.1", token: TOKEN },
        ...more,
      });
    expect(start({ contextTokens: 8_192, sequences: 100_000 })).rejects.toThrow(
      /needs \d+ MB of memory and \d+ MB are free/,
    );
    expect(start({ contextTokens: 10_000 })).rejects.toThrow("trained with a context of 8192");
  });
});
