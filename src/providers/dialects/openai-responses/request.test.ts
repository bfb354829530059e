import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { type Prompt, UNTRANSLATABLE } from "../../neutral/prompt.ts";
import { wrapSeal } from "../../neutral/seal.ts";
import type { Quirks } from "../../upstream.ts";
import { openAiResponses } from "./openai-responses.ts";

const decode = (body: JsonObject): Prompt => openAiResponses.decodeRequest({ model: "m", ...body });
const options = (quirks: Quirks = {}) => ({ upstreamModel: "up-1", maxOutputTokens: 50, quirks });
const encode = (prompt: Partial<Prompt>, quirks: Quirks = {}): JsonObject =>
  openAiResponses.encodeRequest(
    { messages: [], tools: [], stream: false, extra: {}, ...prompt },
    options(quirks),
  );
const pass = (body: JsonObject): JsonObject => openAiResponses.passRequest(body, options());

function failureOf(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("did not fail");
}

const user = (text: string) => ({
  role: "user" as const,
  parts: [{ type: "text" as const, text }],
});

describe("the input", () => {
  test("is a text, or items", () => {
    const items = [{ role: "user", content: [{ type: "input_text", text: "Hi" }] }];
    expect(decode({ input: "Hi" }).messages).toEqual([user("Hi")]);
    expect(decode({ input: items }).messages).toEqual([user("Hi")]);
  });

  test("stands behind the instructions", () => {
    const { messages } = decode({ input: "Hi", instructions: "Be brief." });
    expect(messages).toEqual([
      { role: "system", parts: [{ type: "text", text: "Be brief." }] },
      user("Hi"),
    ]);
  });

  test("what a model thought, said and called in one turn is one message, and so are the results", () => {
    const { messages } = decode({
      input: [
        { role: "user", content: "Weather?" },
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA" },
        {
          type: "message",
          id: "msg_1",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "I look.", annotations: [], logprobs: [] }],
        },
        {
          type: "function_call",
          id: "fc_1",
          call_id: "c1",
          name: "f",
          arguments: "{}",
          status: "completed",
        },
        { type: "function_call", call_id: "c2", name: "g", arguments: "{}" },
        { type: "function_call_output", call_id: "c1", output: "rain" },
        {
          type: "function_call_output",
          call_id: "c2",
          output: [{ type: "input_text", text: "sun" }],
        },
      ],
    });
    expect(messages).toEqual([
      user("Weather?"),
      {
        role: "assistant",
        parts: [
          {
            type: "reasoning",
            text: "",
            encrypted: "gAAA",
            id: "rs_1",
            sealedBy: "openai-responses",
          },
          { type: "text", text: "I look." },
          { type: "tool_call", id: "c1", name: "f", arguments: "{}" },
          { type: "tool_call", id: "c2", name: "g", arguments: "{}" },
        ],
      },
      {
        role: "tool",
        parts: [
          { type: "tool_result", callId: "c1", parts: [{ type: "text", text: "rain" }] },
          { type: "tool_result", callId: "c2", parts: [{ type: "text", text: "sun" }] },
        ],
      },
    ]);
  });

  test("has pictures, files and sound", () => {
    const { messages } = decode({
      input: [
        {
          role: "user",
          content: [
            { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "low" },
            { type: "input_image", image_url: "https://example.com/a.png" },
            { type: "input_image", file_id: "file-1" },
            {
              type: "input_file",
              filename: "a.pdf",
              file_data: "data:application/pdf;base64,aGk=",
            },
            { type: "input_file", file_url: "https://example.com/a.pdf" },
            { type: "input_audio", input_audio: { data: "aGk=", format: "wav" } },
          ],
        },
      ],
    });
    expect(messages[0]?.parts).toEqual([
      { type: "image", source: { data: "aGk=", mediaType: "image/png" }, detail: "low" },
      { type: "image", source: { url: "https://example.com/a.png" } },
      { type: "image", source: { fileId: "file-1" } },
      { type: "file", source: { data: "aGk=", mediaType: "application/pdf" }, filename: "a.pdf" },
      { type: "file", source: { url: "https://example.com/a.pdf" } },
      { type: "audio", data: "aGk=", format: "wav" },
    ]);
  });

  test("may come back as the SDK has put it together, and as providers fill it with nulls", () => {
    const { messages } = decode({
      input: [
        {
          ...{ type: "function_call", call_id: "c", name: "f", arguments: "{}" },
          ...{ parsed_arguments: {}, namespace: null, caller: null },
        },
        {
          ...{ type: "message", role: "assistant", id: "msg_1", phase: "final_answer" },
          content: [{ type: "output_text", text: "{}", annotations: [], parsed: {} }],
        },
      ],
    });
    expect(messages[0]?.parts.map(({ type }) => type)).toEqual(["tool_call", "text"]);
  });
});

describe("wishes", () => {
  test("have their neutral names", () => {
    const schema = { type: "object" };
    const prompt = decode({
      input: "Hi",
      max_output_tokens: 20,
      temperature: 0.5,
      top_p: 0.9,
      parallel_tool_calls: false,
      text: { format: { type: "json_schema", name: "n", schema, strict: true }, verbosity: "low" },
      reasoning: { effort: "high", summary: "auto" },
      include: ["message.output_text.logprobs", "reasoning.encrypted_content"],
      top_logprobs: 2,
      service_tier: "flex",
      safety_identifier: "u1",
      metadata: { a: "b" },
      prompt_cache_key: "k",
      tools: [{ type: "function", name: "f", parameters: schema, strict: true, description: null }],
      tool_choice: { type: "function", name: "f" },
      stream: true,
      store: false,
      truncation: "disabled",
      new_feature: { deep: [1] },
    });
    expect(prompt).toEqual({
      messages: [user("Hi")],
      maxOutputTokens: 20,
      temperature: 0.5,
      topP: 0.9,
      parallelToolCalls: false,
      responseFormat: { type: "json_schema", name: "n", schema, strict: true },
      verbosity: "low",
      reasoning: { effort: "high", summary: "auto" },
      topLogprobs: 2,
      serviceTier: "flex",
      user: "u1",
      metadata: { a: "b" },
      cacheKey: "k",
      tools: [{ name: "f", parameters: schema, strict: true }],
      toolChoice: { name: "f" },
      stream: true,
      extra: { new_feature: { deep: [1] } },
    });
  });

  test("allowed tools are the tools there are", () => {
    const tools = ["f", "g"].map((name) => ({
      type: "function",
      name,
      parameters: {},
      strict: false,
    }));
    const tool_choice = {
      type: "allowed_tools",
      mode: "required",
      tools: [{ type: "function", name: "g" }],
    };
    const prompt = decode({ input: "Hi", tools, tool_choice });
    expect(prompt.tools.map(({ name }) => name)).toEqual(["g"]);
    expect(prompt.toolChoice).toBe("required");
  });
});

describe("what cannot be said elsewhere is refused by its name", () => {
  const cases: [param: string, body: JsonObject][] = [
    ["tools[0]", { tools: [{ type: "web_search" }] }],
    [
      "tools[1]",
      {
        tools: [
          { type: "function", name: "f" },
          { type: "mcp", server_label: "x" },
        ],
      },
    ],
    ["tools[0]", { tools: [{ type: "custom", name: "f" }] }],
    ["tool_choice", { tool_choice: { type: "file_search" } }],
    ["truncation", { truncation: "auto" }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["context_management", { context_management: [{ type: "compaction" }] }],
    ["input[0].type", { input: [{ type: "computer_call", call_id: "c" }] }],
    ["input[0].content[0].type", { input: [{ role: "user", content: [{ type: "input_video" }] }] }],
    [
      "input[0].content[0].detail",
      {
        input: [{ role: "user", content: [{ type: "input_file", file_id: "f", detail: "high" }] }],
      },
    ],
    ["user", { user: "a", safety_identifier: "b" }],
  ];
  for (const [param, body] of cases) {
    test(`${param} of ${JSON.stringify(body).slice(0, 60)}`, () => {
      const failure = failureOf(() => decode({ input: "Hi", ...body }));
      expect(failure).toMatchObject({ code: UNTRANSLATABLE, param });
    });
  }

  test("a tool of the provider is told from a tool of the client", () => {
    const why = (type: string) =>
      failureOf(() => decode({ input: "Hi", tools: [{ type }] })).message;
    expect(why("web_search")).toContain("the provider itself must run");
    expect(why("custom")).toContain("knows functions only");
  });
});

describe("what is not valid says where", () => {
  const cases: [param: string, body: JsonObject][] = [
    ["input", { input: [] }],
    ["input[0].role", { input: [{ role: "robot", content: "Hi" }] }],
    ["input[0]", { input: [{ type: "item_reference", id: "msg_1" }] }],
    ["input[0].call_id", { input: [{ type: "function_call_output", output: "x" }] }],
    ["top_logprobs", { top_logprobs: 3 }],
    ["temperature", { temperature: "hot" }],
    ["input[0].content[0]", { input: [{ role: "user", content: [{ type: "input_image" }] }] }],
  ];
  for (const [param, body] of cases) {
    test(param, () => {
      const failure = failureOf(() => decode({ input: "Hi", ...body }));
      expect(failure).toMatchObject({ kind: "invalid", param });
      expect(failure.code).not.toBe(UNTRANSLATABLE);
    });
  }
});

describe("a request for a provider of this API", () => {
  test("says all that the prompt says", () => {
    const parameters = { type: "object" };
    const body = encode({
      messages: [
        { role: "system", parts: [{ type: "text", text: "Be brief." }] },
        {
          role: "user",
          parts: [
            { type: "text", text: "What is it?", cache: {} },
            { type: "image", source: { data: "aGk=", mediaType: "image/png" }, detail: "high" },
            {
              type: "file",
              source: { data: "aGk=", mediaType: "application/pdf" },
              filename: "a.pdf",
            },
          ],
        },
        {
          role: "assistant",
          parts: [
            {
              type: "reasoning",
              text: "Hm",
              encrypted: "gAAA",
              id: "rs_1",
              sealedBy: "openai-responses",
            },
            { type: "text", text: "One moment." },
            { type: "tool_call", id: "c1", name: "f", arguments: "{}" },
          ],
        },
        {
          role: "tool",
          parts: [{ type: "tool_result", callId: "c1", parts: [{ type: "text", text: "42" }] }],
        },
      ],
      tools: [{ name: "f", description: "d", parameters }],
      toolChoice: { name: "f" },
      parallelToolCalls: true,
      responseFormat: { type: "json" },
      verbosity: "high",
      temperature: 1,
      topP: 0.5,
      topLogprobs: 3,
      reasoning: { budgetTokens: 2_000, summary: "concise" },
      serviceTier: "flex",
      user: "u",
      cacheKey: "k",
      metadata: { a: "b" },
      stream: true,
      extra: { new_feature: true },
    });
    expect(body).toEqual({
      new_feature: true,
      model: "up-1",
      store: false,
      max_output_tokens: 50,
      input: [
        { type: "message", role: "system", content: [{ type: "input_text", text: "Be brief." }] },
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "What is it?" },
            { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "high" },
            {
              type: "input_file",
              filename: "a.pdf",
              file_data: "data:application/pdf;base64,aGk=",
            },
          ],
        },
        {
          type: "reasoning",
          id: "rs_1",
          summary: [{ type: "summary_text", text: "Hm" }],
          encrypted_content: "gAAA",
        },
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: "One moment.", annotations: [] }],
        },
        { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "c1", output: "42" },
      ],
      tools: [{ type: "function", name: "f", description: "d", parameters, strict: false }],
      tool_choice: { type: "function", name: "f" },
      parallel_tool_calls: true,
      text: { format: { type: "json_object" }, verbosity: "high" },
      temperature: 1,
      top_p: 0.5,
      top_logprobs: 3,
      include: ["message.output_text.logprobs"],
      reasoning: { effort: "low", summary: "concise" },
      service_tier: "flex",
      user: "u",
      prompt_cache_key: "k",
      stream: true,
    });
  });

  test("a failed tool says so in words", () => {
    const parts = [{ type: "text" as const, text: "no such city" }];
    const result = { type: "tool_result" as const, callId: "c", parts, isError: true };
    expect(encode({ messages: [{ role: "tool", parts: [result] }] })["input"]).toEqual([
      {
        type: "function_call_output",
        call_id: "c",
        output: [
          { type: "input_text", text: "The tool failed:" },
          { type: "input_text", text: "no such city" },
        ],
      },
    ]);
  });

  const unsayable: [param: string, prompt: Partial<Prompt>][] = [
    ["stop", { stop: ["END"] }],
    ["seed", { seed: 1 }],
    ["top_k", { topK: 5 }],
    ["n", { choices: 2 }],
    ["presence_penalty", { presencePenalty: 1 }],
    ["name", { messages: [{ ...user("Hi"), name: "Ann" }] }],
    ["store", { extra: { store: true } }],
  ];
  for (const [param, prompt] of unsayable) {
    test(`has no word for ${param}`, () => {
      expect(failureOf(() => encode(prompt))).toMatchObject({ code: UNTRANSLATABLE, param });
    });
  }

  test("a wish that asks for nothing is no wish", () => {
    expect(encode({ choices: 1, presencePenalty: 0, stop: [] })).not.toHaveProperty("n");
  });
});

describe("a request that passes", () => {
  test("has the upstream's name of the model and our limit, and keeps what it does not know", () => {
    const body = {
      model: "ours",
      input: "Hi",
      new_feature: { deep: [1, null] },
      max_output_tokens: 99,
    };
    const copy = structuredClone(body);
    expect(pass(body)).toEqual({ ...body, model: "up-1", max_output_tokens: 50, store: false });
    expect(body).toEqual(copy);
  });

  test("asks nobody to keep what we keep", () => {
    const state = {
      store: true,
      previous_response_id: "resp_1",
      conversation: "conv_1",
      background: true,
    };
    expect(pass({ input: "Hi", ...state })).toEqual({
      input: "Hi",
      model: "up-1",
      max_output_tokens: 50,
      store: false,
    });
  });

  test("leaves out thoughts that its provider cannot read", () => {
    const own = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA" };
    const open = {
      type: "reasoning",
      id: "rs_4",
      summary: [],
      content: [{ type: "reasoning_text", text: "Hm" }],
    };
    const sealed = wrapSeal({ sealedBy: "anthropic-messages", signature: "s" });
    const foreign = { type: "reasoning", id: "rs_2", summary: [], encrypted_content: sealed };
    const unsealed = {
      type: "reasoning",
      id: "rs_3",
      summary: [{ type: "summary_text", text: "Hm" }],
    };
    expect(pass({ input: [own, foreign, unsealed, open] })["input"]).toEqual([own, open]);
  });
});

describe("thoughts of other providers", () => {
  test("travel through a client of this API with their seals", () => {
    const part = {
      type: "reasoning" as const,
      text: "Let me see.",
      signature: "EqQB",
      sealedBy: "anthropic-messages" as const,
    };
    const facts = {
      requestId: "01980000-0000-7000-8000-000000000000",
      model: "ours",
      createdS: 1,
      request: {},
    };
    const choices = [{ parts: [part], reason: "stop" as const }];
    const answer = openAiResponses.encodeAnswer({ choices }, facts);
    const { messages } = decode({ input: answer["output"] });
    expect(messages).toEqual([{ role: "assistant", parts: [part] }]);
  });

  test("are not sent to a provider of this API, which could not read them", () => {
    const signed = { type: "reasoning" as const, text: "Hm", signature: "EqQB" };
    const foreign = {
      type: "reasoning" as const,
      text: "",
      encrypted: "Ro",
      sealedBy: "anthropic-messages" as const,
    };
    const plain = { type: "reasoning" as const, text: "Hm" };
    const messages = [{ role: "assistant" as const, parts: [signed, foreign, plain] }];
    expect(encode({ messages })["input"]).toEqual([]);
  });
});
