import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { UNTRANSLATABLE } from "../../neutral/prompt.ts";
import { wrapSeal } from "../../neutral/seal.ts";
import { decodeRequest } from "./decode-request.ts";

const asking = (more: JsonObject): JsonObject => ({
  model: "claude-sonnet-4-5",
  max_tokens: 1_024,
  messages: [{ role: "user", content: "Hi." }],
  ...more,
});
const saying = (...messages: JsonObject[]) => decodeRequest(asking({ messages })).messages;

function refusalOf(body: JsonObject): { code: string | undefined; param: string | undefined } {
  try {
    decodeRequest(body);
  } catch (error) {
    if (error instanceof Failure) return { code: error.code, param: error.param };
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a plain question", () => {
  expect(decodeRequest(asking({}))).toEqual({
    messages: [{ role: "user", parts: [{ type: "text", text: "Hi." }] }],
    tools: [],
    maxOutputTokens: 1_024,
    stream: false,
    extra: {},
  });
});

test("system text, marks of the cache and instructions on the way", () => {
  const { messages } = decodeRequest(
    asking({
      system: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind.", cache_control: { type: "ephemeral", ttl: "1h" } },
      ],
      messages: [
        { role: "user", content: "Hi." },
        { role: "system", content: "Now be loud." },
        { role: "system", content: "Only once.", clear_at: "next_user_message" },
        { role: "user", content: [{ type: "text", text: "Go on." }] },
      ],
      cache_control: { type: "ephemeral" },
    }),
  );

  expect(messages).toEqual([
    {
      role: "system",
      parts: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind.", cache: { ttl: "1h" } },
      ],
    },
    { role: "user", parts: [{ type: "text", text: "Hi." }] },
    { role: "system", parts: [{ type: "text", text: "Now be loud." }] },
    { role: "user", parts: [{ type: "text", text: "Go on.", cache: {} }] },
  ]);
});

test("a turn with tools: thoughts, calls, results with an image and a failure", () => {
  const messages = saying(
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Look first.", signature: "EqQB" },
        { type: "redacted_thinking", data: "EmwK" },
        { type: "text", text: "Looking.", citations: null },
        { type: "tool_use", id: "toolu_1", name: "look", input: { at: [1] }, caller: null },
        { type: "tool_use", id: "toolu_2", name: "list", input: {} },
      ],
    },
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: "toolu_1",
          content: [
            { type: "text", text: "A fox." },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBO" } },
            { type: "tool_reference", tool_name: "zoom" },
          ],
        },
        { type: "tool_result", tool_use_id: "toolu_2", content: "No such folder", is_error: true },
        { type: "text", text: "And now?" },
      ],
    },
  );

  expect(messages).toEqual([
    {
      role: "assistant",
      parts: [
        {
          type: "reasoning",
          text: "Look first.",
          signature: "EqQB",
          sealedBy: "anthropic-messages",
        },
        { type: "reasoning", text: "", encrypted: "EmwK", sealedBy: "anthropic-messages" },
        { type: "text", text: "Looking." },
        { type: "tool_call", id: "toolu_1", name: "look", arguments: '{"at":[1]}' },
        { type: "tool_call", id: "toolu_2", name: "list", arguments: "{}" },
      ],
    },
    {
      role: "tool",
      parts: [
        {
          type: "tool_result",
          callId: "toolu_1",
          parts: [
            { type: "text", text: "A fox." },
            { type: "image", source: { data: "iVBO", mediaType: "image/png" } },
            { type: "text", text: "The tool 'zoom' can be called now." },
          ],
        },
        {
          type: "tool_result",
          callId: "toolu_2",
          parts: [{ type: "text", text: "No such folder" }],
          isError: true,
        },
      ],
    },
    { role: "user", parts: [{ type: "text", text: "And now?" }] },
  ]);
});

test("images, documents and search results", () => {
  const [message] = saying({
    role: "user",
    content: [
      { type: "image", source: { type: "url", url: "https://x.example/a.png" } },
      { type: "image", source: { type: "file", file_id: "file_1" } },
      {
        type: "document",
        title: "Report",
        context: "Of last year.",
        source: { type: "base64", media_type: "application/pdf", data: "JVBE" },
        citations: { enabled: false },
        cache_control: { type: "ephemeral" },
      },
      {
        type: "document",
        title: "Note",
        source: { type: "text", media_type: "text/plain", data: "Buy milk." },
      },
      { type: "document", source: { type: "content", content: "Nothing else." } },
      {
        type: "search_result",
        source: "https://x.example",
        title: "X",
        content: [{ type: "text", text: "Found." }],
      },
    ],
  });

  expect(message?.parts).toEqual([
    { type: "image", source: { url: "https://x.example/a.png" } },
    { type: "image", source: { fileId: "file_1" } },
    { type: "text", text: "Of last year." },
    {
      type: "file",
      source: { data: "JVBE", mediaType: "application/pdf" },
      filename: "Report",
      cache: {},
    },
    { type: "text", text: "Note" },
    { type: "text", text: "Buy milk." },
    { type: "text", text: "Nothing else." },
    { type: "text", text: "X\nhttps://x.example\n\nFound." },
  ]);
});

test("tools and every other setting", () => {
  const prompt = decodeRequest(
    asking({
      tools: [
        {
          name: "look",
          description: "Looks.",
          input_schema: { type: "object", properties: {} },
          cache_control: { type: "ephemeral" },
          strict: true,
          input_examples: [{ at: 1 }, { at: 2 }],
          eager_input_streaming: true,
        },
        { type: "custom", name: "later", input_schema: {}, defer_loading: true },
      ],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stop_sequences: ["END"],
      metadata: { user_id: "u-1" },
      service_tier: "standard_only",
      stream: true,
      output_config: {
        effort: "medium",
        format: { type: "json_schema", schema: { type: "object" } },
      },
      thinking: { type: "enabled", budget_tokens: 2_000, display: "summarized" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      speed: "standard",
      mcp_servers: [],
      vendor_extension: { deep: true },
    }),
  );

  expect(prompt).toMatchObject({
    tools: [
      {
        name: "look",
        description: 'Looks.\n\nExamples of its input:\n{"at":1}\n{"at":2}',
        parameters: { type: "object", properties: {} },
        strict: true,
        cache: {},
      },
      { name: "later", parameters: {} },
    ],
    toolChoice: "required",
    parallelToolCalls: false,
    temperature: 0.5,
    topP: 0.9,
    topK: 40,
    stop: ["END"],
    user: "u-1",
    serviceTier: "default",
    stream: true,
    responseFormat: {
      type: "json_schema",
      name: "answer",
      schema: { type: "object" },
      strict: true,
    },
    extra: { vendor_extension: { deep: true } },
  });
  expect(prompt.reasoning).toEqual({ budgetTokens: 2_000, effort: "medium", summary: "auto" });
});

test("whether to think, and how much", () => {
  const wish = (more: JsonObject) => decodeRequest(asking(more)).reasoning;

  expect(wish({})).toBeUndefined();
  expect(wish({ thinking: { type: "disabled" }, output_config: { effort: "high" } })).toEqual({
    effort: "none",
  });
  expect(wish({ thinking: { type: "adaptive", display: "omitted" } })).toEqual({
    isOptional: true,
  });
  expect(wish({ output_config: { effort: "xhigh" } })).toEqual({
    isOptional: true,
    effort: "xhigh",
  });
});

test("effort may be told for one turn", () => {
  const effort = (...messages: JsonObject[]) =>
    decodeRequest(asking({ messages, output_config: { effort: "high" } })).reasoning?.effort;
  const user = { role: "user", content: "Hi." };
  const lower = { role: "system", content: "Hurry.", output_config: { effort: "low" } };
  const call = { type: "tool_use", id: "t", name: "look", input: {} };
  const turn = [
    { role: "assistant", content: [call] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "A fox." }] },
  ];

  expect(effort(user, lower)).toBe("low");
  expect(effort(user, lower, ...turn)).toBe("low");
  expect(effort(user, lower, ...turn, user)).toBe("high");
  expect(effort(user)).toBe("high");
});

test("thoughts of earlier turns are cleared as Anthropic would", () => {
  const thought = (text: string) => ({
    role: "assistant",
    content: [
      { type: "thinking", thinking: text, signature: "s" },
      { type: "text", text: "So." },
    ],
  });
  const textsLeft = (keep?: unknown) =>
    decodeRequest(
      asking({
        messages: [thought("one"), thought("two"), thought("three")],
        context_management: { edits: [{ type: "clear_thinking_20251015", keep }] },
      }),
    ).messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === "reasoning" ? part.text : [])),
    );

  expect(textsLeft()).toEqual(["three"]);
  expect(textsLeft({ type: "thinking_turns", value: 2 })).toEqual(["two", "three"]);
  expect(textsLeft({ type: "all" })).toEqual(["one", "two", "three"]);
});

test("another provider's thoughts come out of their envelope", () => {
  const signature = wrapSeal({ sealedBy: "openai-responses", encrypted: "gAAA", id: "rs_1" });
  const [message] = saying({
    role: "assistant",
    content: [
      { type: "thinking", thinking: "Hm.", signature },
      { type: "thinking", thinking: "Unsigned.", signature: "" },
      { type: "text", text: "So." },
    ],
  });

  expect(message?.parts.slice(0, 2)).toEqual([
    {
      type: "reasoning",
      text: "Hm.",
      sealedBy: "openai-responses",
      encrypted: "gAAA",
      id: "rs_1",
    },
    { type: "reasoning", text: "Unsigned." },
  ]);
});

describe("what other dialects have no words for is refused", () => {
  const document = { type: "document", source: { type: "url", url: "https://x.example/a.pdf" } };
  const cases: [string, JsonObject][] = [
    ["tools[0].type", { tools: [{ type: "web_search_20250305", name: "web_search" }] }],
    ["tools[0].type", { tools: [{ type: "computer_20250124", name: "computer" }] }],
    [
      "tools[0].allowed_callers",
      { tools: [{ name: "a", input_schema: {}, allowed_callers: ["code_execution_20250825"] }] },
    ],
    ["mcp_servers", { mcp_servers: [{ type: "url", url: "https://x.example", name: "x" }] }],
    ["container", { container: "container_1" }],
    ["speed", { speed: "fast" }],
    ["inference_geo", { inference_geo: "us" }],
    ["fallbacks", { fallbacks: [{ model: "claude-opus-4-8" }] }],
    ["output_config.task_budget", { output_config: { task_budget: { total: 1 } } }],
    [
      "context_management.edits[0].type",
      { context_management: { edits: [{ type: "clear_tool_uses_20250919" }] } },
    ],
    [
      "messages[0].content[0].citations",
      { messages: [{ role: "user", content: [{ ...document, citations: { enabled: true } }] }] },
    ],
    [
      "messages[0].content[0].type",
      {
        messages: [
          {
            role: "assistant",
            content: [{ type: "server_tool_use", id: "s", name: "web_search", input: {} }],
          },
        ],
      },
    ],
    [
      "messages[0].content[0].novelty",
      { messages: [{ role: "user", content: [{ type: "text", text: "Hi.", novelty: 1 }] }] },
    ],
  ];

  for (const [param, more] of cases) {
    test(`${param}: ${JSON.stringify(more).slice(0, 80)}`, () => {
      expect(refusalOf(asking(more))).toEqual({ code: UNTRANSLATABLE, param });
    });
  }

  test("what is malformed is the client's mistake", () => {
    expect(refusalOf(asking({ messages: "Hi." }))).toEqual({
      code: "invalid_field",
      param: "messages",
    });
    expect(refusalOf(asking({ temperature: "warm" }))).toEqual({
      code: "invalid_field",
      param: "temperature",
    });
  });
});
