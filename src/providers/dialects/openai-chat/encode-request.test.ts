import { describe, expect, test } from "bun:test";
import type { Prompt, PromptMessage, ReasoningWish, ToolResultPart } from "../../neutral/prompt.ts";
import type { Quirks } from "../../upstream.ts";
import { encodeRequest } from "./encode-request.ts";

const hi: PromptMessage = { role: "user", parts: [{ type: "text", text: "Hi" }] };

function encode(prompt: Partial<Prompt>, quirks: Quirks = {}) {
  return encodeRequest(
    { messages: [hi], tools: [], stream: false, extra: {}, ...prompt },
    { upstreamModel: "up-1", maxOutputTokens: 50, quirks },
  );
}

describe("a prompt of another dialect", () => {
  test("is a plain request, with no more than was said", () => {
    expect(encode({})).toEqual({
      model: "up-1",
      messages: [{ role: "user", content: "Hi" }],
      max_tokens: 50,
    });
  });

  test("asks for the usage of a stream, of those who can tell", () => {
    expect(encode({ stream: true })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(encode({ stream: true }, { no_stream_options: true })).not.toHaveProperty(
      "stream_options",
    );
  });

  test("says who spoke: thoughts and marks only to those who take them", () => {
    const messages: PromptMessage[] = [
      { role: "system", parts: [{ type: "text", text: "Be brief.", cache: { ttl: "1h" } }] },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "Hmm.", signature: "s", sealedBy: "anthropic-messages" },
          { type: "text", text: "I shall look." },
          { type: "tool_call", id: "c1", name: "f", arguments: "{}" },
        ],
      },
      { role: "tool", parts: [{ type: "tool_result", callId: "c1", isError: true, parts: [] }] },
    ];
    const calls = [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }];
    const said = { role: "assistant", content: "I shall look.", tool_calls: calls };
    const failed = { role: "tool", tool_call_id: "c1", content: "The tool failed:" };

    expect(encode({ messages })["messages"]).toEqual([
      { role: "system", content: "Be brief." },
      said,
      failed,
    ]);
    const quirks: Quirks = {
      cache_marks: "cache_control",
      reasoning_replay: "reasoning_content",
      developer_role: "developer",
    };
    expect(encode({ messages }, quirks)["messages"]).toEqual([
      {
        role: "developer",
        content: [
          { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
        ],
      },
      { ...said, reasoning_content: "Hmm." },
      failed,
    ]);
  });

  test("shows the pictures in a tool's result right behind it", () => {
    const parts: ToolResultPart["parts"] = [
      { type: "text", text: "A screenshot." },
      { type: "image", source: { data: "iVBO", mediaType: "image/png" } },
    ];
    const results: ToolResultPart[] = [
      { type: "tool_result", callId: "c1", parts },
      { type: "tool_result", callId: "c2", parts: [{ type: "text", text: "two" }] },
    ];
    const quirks = { plain_content: true };

    const messages = results.map((part): PromptMessage => ({ role: "tool", parts: [part] }));
    expect(encode({ messages }, quirks)["messages"]).toEqual([
      {
        role: "tool",
        tool_call_id: "c1",
        content: "A screenshot.\n\n(What it shows follows.)",
      },
      { role: "tool", tool_call_id: "c2", content: "two" },
      {
        role: "user",
        content: [
          { type: "text", text: "In the result of the call c1:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } },
        ],
      },
    ]);
  });

  const wishes: [Quirks["reasoning_request"], ReasoningWish, object][] = [
    [undefined, { effort: "low" }, { reasoning_effort: "low" }],
    [undefined, { budgetTokens: 31_999 }, { reasoning_effort: "high" }],
    ["reasoning", { effort: "low" }, { reasoning: { effort: "low" } }],
    ["reasoning", { budgetTokens: 2_000 }, { reasoning: { max_tokens: 2_000 } }],
    ["thinking", { effort: "none" }, { thinking: { type: "disabled" } }],
    ["enable_thinking", { budgetTokens: 9 }, { enable_thinking: true, thinking_budget: 9 }],
    [
      "chat_template_kwargs",
      { effort: "high" },
      { chat_template_kwargs: { enable_thinking: true } },
    ],
    ["none", { effort: "none" }, {}],
    ["none", { effort: "high", isOptional: true }, {}],
  ];
  for (const [reasoning_request, reasoning, fields] of wishes) {
    test(`is asked to think by ${reasoning_request}: ${JSON.stringify(reasoning)}`, () => {
      const quirks = reasoning_request === undefined ? {} : { reasoning_request };
      const { model: _, messages: __, max_tokens: ___, ...rest } = encode({ reasoning }, quirks);
      expect(rest).toEqual({ ...fields });
    });
  }
});

describe("what this API has no words for is refused", () => {
  const cases: [string, Partial<Prompt>, Quirks?][] = [
    [
      "image",
      { messages: [{ role: "user", parts: [{ type: "image", source: { fileId: "f" } }] }] },
    ],
    [
      "file",
      { messages: [{ role: "user", parts: [{ type: "file", source: { url: "https://x.org" } }] }] },
    ],
    ["n", { extra: { n: 100 } }],
    ["max_completion_tokens", { extra: { max_completion_tokens: 1_000_000 } }],
    ["reasoning", { reasoning: { effort: "high" } }, { reasoning_request: "none" }],
    ["n", { choices: 2 }, { choices_max: 1 }],
    [
      "messages",
      { messages: [hi, { role: "system", parts: [{ type: "text", text: "Now." }] }] },
      { system_first: true },
    ],
  ];
  for (const [param, prompt, quirks] of cases) {
    test(`${param}: ${JSON.stringify(prompt)}`, () => {
      expect(() => encode(prompt, quirks)).toThrow(`'${param}' cannot be sent`);
    });
  }
});
