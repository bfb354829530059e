import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import { hostedModelForTests } from "../../test/support/hosted-model.ts";
import {
  framesOf,
  RUNNER_MODEL as model,
  RUNNER_START_MS,
  RUNNER_TOKEN,
  startTestRunner,
  type TestRunner,
  user,
} from "../../test/support/runner.ts";
import { startRunner } from "./start.ts";

// A real model on a busy machine: seconds are normal.
setDefaultTimeout(60_000);

let runner: TestRunner;
beforeAll(async () => {
  runner = await startTestRunner({ contextTokens: 2048, sequences: 2 });
}, RUNNER_START_MS);
afterAll(() => runner?.stop());

const sdk = () => new OpenAI({ baseURL: runner.url, apiKey: RUNNER_TOKEN, maxRetries: 0 });

/** The letter X in the vocabulary of SmolLM2. */
const tokenOfX = 72;

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
      const completion = await runner.answer({
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
    const completion = await runner.answer({
      messages: user('Repeat this JSON: {"ok": true}'),
      ...{ max_tokens: 1_000, temperature: 0 },
      response_format: { type: "json_object" },
    });
    expect(JSON.parse(completion.choices[0]?.message.content ?? "")).toBeObject();
  });

  test("a schema that cannot be enforced is refused when strictness was asked for", async () => {
    const schema = { type: "object", properties: { a: { type: "string", pattern: "^x" } } };
    const response = await runner.ask({
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
    const response = await runner.ask({
      ...{ stream: true, max_tokens: 200 },
      response_format: { type: "json_schema", json_schema: { name: "t", schema } },
    });
    let content = "";
    for await (const { data } of framesOf(response)) {
      expect(data).not.toContain("\uFFFD");
      if (data !== "[DONE]") content += JSON.parse(data).choices[0]?.delta.content ?? "";
    }
    expect(JSON.parse(content)).toEqual({ text });
  });

  test("a call of a tool, when one is required", async () => {
    const completion = await runner.answer({
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

    const next = await runner.answer({
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
    const response = await runner.ask({
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
    for await (const { data } of framesOf(response)) {
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
    const whole = (await runner.answer(body)).choices[0]?.message.content ?? "";
    const stop = whole.slice(10, 14);
    const cut = await runner.answer({ ...body, stop });

    expect(cut.choices[0]?.message.content).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(cut.choices[0]?.finish_reason).toBe("stop");
  });

  test("seeds repeat it, biases and penalties change it", async () => {
    const body = { messages: user("Tell me a story."), temperature: 1, top_p: 1, max_tokens: 24 };
    const text = async (more: object) =>
      (await runner.answer({ ...body, ...more })).choices[0]?.message.content;
    // The first use of a prompt reads it in another batch; only equal batches are equal to the last bit.
    await text({ seed: 7 });

    expect(await text({ seed: 7 })).toBe(await text({ seed: 7 }));
    expect(await text({ seed: 8 })).not.toBe(await text({ seed: 7 }));
    expect((await runner.ask({ logit_bias: { "2": -100 } })).status).toBe(400);
    const plain = await text({ temperature: 0 });
    expect(await text({ temperature: 0, frequency_penalty: 2, presence_penalty: 2 })).not.toBe(
      plain,
    );
    const biased = await runner.answer({ ...body, max_tokens: 5, logit_bias: { [tokenOfX]: 100 } });
    expect(biased.choices[0]?.message.content).toBe("XXXXX");
  });

  test("log-probabilities are the model's own", async () => {
    const completion = await runner.answer({
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

describe("the door", () => {
  test("lets nobody in without the token, but tells its health", async () => {
    const root = runner.url.replace(/\/v1$/, "");
    for (const path of ["/v1/models", "/metrics", "/v1/attempts/x", "/nowhere"]) {
      expect((await fetch(root + path)).status).toBe(401);
    }
    expect(await (await fetch(`${root}/healthz`)).json()).toEqual({ ok: true, model });
    expect((await runner.get("/nowhere")).status).toBe(404);
    expect((await runner.get("/v1/models/other")).status).toBe(404);
  });

  test("refuses more than the model can do, and says why", async () => {
    const { path } = await hostedModelForTests();
    const start = (more: { contextTokens?: number; sequences?: number }) =>
      startRunner({
        ...{ modelPath: path, modelName: model, port: 0, hostname: "127.0.0.1" },
        ...{ token: RUNNER_TOKEN, ...more },
      });
    await expect(start({ contextTokens: 10_000 })).rejects.toThrow(
      "trained with a context of 8192",
    );
    await expect(start({ sequences: 1_000 })).rejects.toThrow("1 to 256");
    await expect(
      startRunner({
        modelPath: "/nowhere.gguf",
        modelName: model,
        port: 0,
        hostname: "",
        token: "t",
      }),
    ).rejects.toThrow("cannot be read");
  });
});
