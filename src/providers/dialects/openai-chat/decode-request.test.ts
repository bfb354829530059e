import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { UNTRANSLATABLE } from "../../neutral/prompt.ts";
import { decodeRequest } from "./decode-request.ts";
import { documentedFields } from "./request-fields.ts";

const messages = [{ role: "user", content: "Hi" }];

function failureOf(body: JsonObject): Failure {
  try {
    decodeRequest({ model: "m", messages, ...body });
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a chat request", () => {
  test("is a prompt with everything that it wishes for", () => {
    const prompt = decodeRequest({
      model: "m",
      messages,
      max_tokens: 1,
      max_completion_tokens: 50,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      n: 2,
      seed: 7,
      stop: "END",
      logprobs: true,
      top_logprobs: 3,
      reasoning_effort: "low",
      verbosity: "high",
      service_tier: "flex",
      safety_identifier: "u1",
      user: "u1",
      prompt_cache_key: "k",
      metadata: { team: "red" },
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      tool_choice: { type: "function", function: { name: "f" } },
      parallel_tool_calls: false,
      response_format: { type: "json_object" },
      stream: true,
      min_p: 0.1,
    });

    expect(prompt).toEqual({
      messages: [{ role: "user", parts: [{ type: "text", text: "Hi" }] }],
      maxOutputTokens: 50,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      choices: 2,
      seed: 7,
      stop: ["END"],
      topLogprobs: 3,
      reasoning: { effort: "low" },
      verbosity: "high",
      serviceTier: "flex",
      user: "u1",
      cacheKey: "k",
      metadata: { team: "red" },
      tools: [{ name: "f", parameters: { type: "object" } }],
      toolChoice: { name: "f" },
      parallelToolCalls: false,
      responseFormat: { type: "json" },
      stream: true,
      extra: { min_p: 0.1 },
    });
  });

  test("says nothing where it says null", () => {
    const nothing = Object.fromEntries(
      [...documentedFields].filter((name) => name !== "messages").map((name) => [name, null]),
    );

    expect(decodeRequest({ ...nothing, messages })).toEqual(decodeRequest({ messages }));
  });

  test("is a whole conversation: pictures, sound, files, thoughts, calls and what they came to", () => {
    const { messages: decoded } = decodeRequest({
      messages: [
        { role: "developer", content: [{ type: "text", text: "Be brief." }] },
        {
          role: "user",
          name: "ann",
          content: [
            { type: "text", text: "", cache_control: { type: "ephemeral" } },
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBO", detail: "high" } },
            { type: "image_url", image_url: { url: "https://example.org/a.png" } },
            { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
            {
              type: "file",
              file: { file_data: "data:application/pdf;base64,JVBE", filename: "a.pdf" },
              prompt_cache_breakpoint: { mode: "explicit" },
            },
            { type: "text", text: "What is it?", cache_control: { type: "ephemeral", ttl: "1h" } },
          ],
        },
        {
          role: "assistant",
          content: null,
          refusal: null,
          reasoning_content: "Hmm.",
          annotations: [],
          tool_calls: [
            { id: "c1", type: "function", function: { name: "f", arguments: "{}" } },
            { id: "c2", function: { name: "g", arguments: "" } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: "one" },
        { role: "tool", tool_call_id: "c2", name: "g", content: [{ type: "text", text: "two" }] },
        { role: "assistant", content: [{ type: "refusal", refusal: "No." }] },
      ],
    });

    expect(decoded).toEqual([
      { role: "system", parts: [{ type: "text", text: "Be brief." }] },
      {
        role: "user",
        name: "ann",
        parts: [
          { type: "image", source: { mediaType: "image/png", data: "iVBO" }, detail: "high" },
          { type: "image", source: { url: "https://example.org/a.png" } },
          { type: "audio", data: "UklG", format: "wav" },
          {
            type: "file",
            source: { mediaType: "application/pdf", data: "JVBE" },
            filename: "a.pdf",
            cache: {},
          },
          { type: "text", text: "What is it?", cache: { ttl: "1h" } },
        ],
      },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "Hmm." },
          { type: "tool_call", id: "c1", name: "f", arguments: "{}" },
          { type: "tool_call", id: "c2", name: "g", arguments: "" },
        ],
      },
      {
        role: "tool",
        parts: [
          { type: "tool_result", callId: "c1", parts: [{ type: "text", text: "one" }] },
          { type: "tool_result", callId: "c2", parts: [{ type: "text", text: "two" }] },
        ],
      },
      { role: "assistant", parts: [{ type: "refusal", text: "No." }] },
    ]);
  });

  test("brings sealed thoughts back with their seals", () => {
    const { messages: decoded } = decodeRequest({
      messages: [
        {
          role: "assistant",
          content: "42",
          reasoning_content: "Hmm.",
          reasoning_details: [
            {
              type: "reasoning.text",
              index: 0,
              text: "Hmm.",
              signature: "s",
              format: "anthropic-claude-v1",
            },
            { type: "reasoning.encrypted", index: 1, data: "e", id: "rs_1" },
          ],
        },
      ],
    });

    expect(decoded[0]?.parts).toEqual([
      { type: "reasoning", text: "Hmm.", signature: "s", sealedBy: "anthropic-messages" },
      { type: "reasoning", text: "", encrypted: "e", id: "rs_1", sealedBy: "openai-chat" },
      { type: "text", text: "42" },
    ]);
  });
});

describe("what other APIs have no words for is refused", () => {
  const user = (part: unknown) => ({ messages: [{ role: "user", content: [part] }] });
  const cases: [string, JsonObject][] = [
    ["audio", { audio: { voice: "ash", format: "wav" } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["functions", { functions: [{ name: "f" }] }],
    ["function_call", { function_call: "auto" }],
    ["logit_bias", { logit_bias: { "50256": -100 } }],
    ["moderation", { moderation: { model: "m" } }],
    ["prediction", { prediction: { type: "content", content: "x" } }],
    ["store", { store: true }],
    ["web_search_options", { web_search_options: {} }],
    ["stream_options.include_obfuscation", { stream_options: { include_obfuscation: true } }],
    ["user", { user: "a", safety_identifier: "b" }],
    ["tools[0].type", { tools: [{ type: "custom", custom: { name: "c" } }] }],
    ["tool_choice.type", { tool_choice: { type: "allowed_tools", allowed_tools: {} } }],
    ["response_format.type", { response_format: { type: "grammar", grammar: "x" } }],
    ["messages[0].content[0].type", user({ type: "video_url", video_url: { url: "x" } })],
    ["messages[0].content[0].mood", user({ type: "text", text: "x", mood: "glad" })],
    ["messages[0].name", { messages: [{ role: "system", content: "x", name: "n" }] }],
    ["messages[0].audio", { messages: [{ role: "assistant", audio: { id: "a" } }] }],
    [
      "messages[0].tool_calls[0].type",
      {
        messages: [
          { role: "assistant", tool_calls: [{ id: "c", type: "custom", custom: { name: "f" } }] },
        ],
      },
    ],
  ];
  for (const [param, body] of cases) {
    test(param, () => {
      const { code, param: named, status } = failureOf(body);
      expect([code, named, status]).toEqual([UNTRANSLATABLE, param, 400]);
    });
  }

  test("and what asks for nothing is not", () => {
    const nothing = { modalities: ["text"], logit_bias: {}, store: false, stream_options: {} };
    expect(decodeRequest({ messages, ...nothing }).extra).toEqual({});
  });
});

describe("what is malformed is the client's fault, and named", () => {
  const cases: [string, JsonObject][] = [
    ["messages", { messages: [] }],
    ["messages[0].role", { messages: [{ role: "robot", content: "x" }] }],
    ["messages[0].content", { messages: [{ role: "user", content: 7 }] }],
    ["messages[0].content", { messages: [{ role: "user" }] }],
    ["messages[0].tool_call_id", { messages: [{ role: "tool", content: "x" }] }],
    ["temperature", { temperature: "warm" }],
    ["top_logprobs", { top_logprobs: 3 }],
    [
      "messages[0].content[0].file.file_data",
      { messages: [{ role: "user", content: [{ type: "file", file: { file_data: "JVBE" } }] }] },
    ],
  ];
  for (const [param, body] of cases) {
    test(`${param}: ${JSON.stringify(body)}`, () => {
      expect(failureOf(body)).toMatchObject({ kind: "invalid", code: "invalid_field", param });
    });
  }
});
