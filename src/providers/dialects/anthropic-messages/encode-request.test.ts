import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import type { Prompt, PromptMessage } from "../../neutral/prompt.ts";
import { UNTRANSLATABLE } from "../../neutral/prompt.ts";
import { decodeRequest } from "./decode-request.ts";
import { encodeRequest } from "./encode-request.ts";

const OPTIONS = { upstreamModel: "claude-opus-5", maxOutputTokens: 4_096, quirks: {} };
const hello: PromptMessage = { role: "user", parts: [{ type: "text", text: "Hi." }] };
const prompting = (more: Partial<Prompt>): Prompt => ({
  messages: [hello],
  tools: [],
  stream: false,
  extra: {},
  ...more,
});
const encode = (more: Partial<Prompt>, options: Partial<typeof OPTIONS> = {}) =>
  encodeRequest(prompting(more), { ...OPTIONS, ...options });

function refusedParam(more: Partial<Prompt>, options: Partial<typeof OPTIONS> = {}) {
  try {
    encode(more, options);
  } catch (error) {
    if (error instanceof Failure && error.code === UNTRANSLATABLE) return error.param;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a plain question always has a limit", () => {
  expect(encode({})).toEqual({
    model: "claude-opus-5",
    max_tokens: 4_096,
    messages: [{ role: "user", content: [{ type: "text", text: "Hi." }] }],
  });
});

test("what it decodes it encodes: a request comes back as it was", () => {
  const request = {
    model: "claude-opus-5",
    max_tokens: 4_096,
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "Hi." },
          { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBO" } },
          {
            type: "document",
            source: { type: "base64", media_type: "application/pdf", data: "JVBE" },
            title: "Report",
          },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "EqQB" },
          { type: "redacted_thinking", data: "EmwK" },
          { type: "tool_use", id: "toolu_1", name: "look", input: { at: 1 } },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: [{ type: "text", text: "Gone." }],
            is_error: true,
          },
          { type: "text", text: "And now?", cache_control: { type: "ephemeral" } },
        ],
      },
    ],
    tools: [
      { name: "look", description: "Looks.", input_schema: { type: "object" }, strict: true },
    ],
    tool_choice: { type: "tool", name: "look", disable_parallel_tool_use: true },
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    stop_sequences: ["END"],
    thinking: { type: "adaptive", display: "summarized" },
    output_config: {
      effort: "high",
      format: { type: "json_schema", schema: { type: "object", additionalProperties: false } },
    },
    service_tier: "standard_only",
    metadata: { user_id: "u-1" },
    stream: true,
  };

  expect(encodeRequest(decodeRequest(request), OPTIONS)).toEqual(request);
});

test("system messages are lifted out, and who speaks twice in a row speaks once", () => {
  const body = encode({
    messages: [
      { role: "system", parts: [{ type: "text", text: "One." }] },
      hello,
      { role: "system", parts: [{ type: "text", text: "Two." }] },
      { role: "user", parts: [{ type: "text", text: "Go on." }] },
      { role: "assistant", parts: [{ type: "text", text: "" }] },
      { role: "assistant", parts: [{ type: "reasoning", text: "Nobody signed this." }] },
      { role: "assistant", parts: [{ type: "refusal", text: "No." }] },
      { role: "tool", parts: [{ type: "tool_result", callId: "functions.look:0", parts: [] }] },
      { role: "user", parts: [{ type: "text", text: "Why?" }] },
    ],
  });

  expect(body["system"]).toEqual([
    { type: "text", text: "One." },
    { type: "text", text: "Two." },
  ]);
  expect(body["messages"]).toEqual([
    {
      role: "user",
      content: [
        { type: "text", text: "Hi." },
        { type: "text", text: "Go on." },
      ],
    },
    { role: "assistant", content: [{ type: "text", text: "No." }] },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "functions_look_0" },
        { type: "text", text: "Why?" },
      ],
    },
  ]);
});

test("a call keeps what the model wrote, even where it is no JSON", () => {
  const call = (text: string) =>
    encode({
      messages: [
        hello,
        {
          role: "assistant",
          parts: [{ type: "tool_call", id: "call_1", name: "look", arguments: text }],
        },
      ],
    })["messages"] as { content: { input: unknown }[] }[];

  expect(call('{"at":1}')[1]?.content[0]?.input).toEqual({ at: 1 });
  expect(call("")[1]?.content[0]?.input).toEqual({});
  expect(call('{"at":')[1]?.content[0]?.input).toEqual({ INVALID_JSON: '{"at":' });
});

test("choices of tools", () => {
  const tools = [{ name: "look" }];
  const choice = (more: Partial<Prompt>) => encode({ tools, ...more })["tool_choice"];

  expect(choice({})).toBeUndefined();
  expect(choice({ toolChoice: "none", parallelToolCalls: false })).toEqual({ type: "none" });
  expect(choice({ toolChoice: "required" })).toEqual({ type: "any" });
  expect(choice({ parallelToolCalls: false })).toEqual({
    type: "auto",
    disable_parallel_tool_use: true,
  });
  expect(encode({ toolChoice: "auto" })["tool_choice"]).toBeUndefined();
  expect(encode({ tools })["tools"]).toEqual([
    { name: "look", input_schema: { type: "object", properties: {} } },
  ]);
});

describe("thinking", () => {
  const thinking = (more: Partial<Prompt>, options: Partial<typeof OPTIONS> = {}) => {
    const { thinking: config, output_config: output } = encode(more, options);
    return { config, effort: (output as { effort?: string } | undefined)?.effort };
  };
  const older = { upstreamModel: "claude-sonnet-4-5-20250929", maxOutputTokens: 8_000 };

  test("by effort, with models since Claude 4.6 and with those of other makers", () => {
    for (const upstreamModel of ["claude-opus-4-6", "claude-opus-4-8-20260528", "kimi-k3"]) {
      expect(thinking({ reasoning: { effort: "minimal" } }, { upstreamModel })).toEqual({
        config: { type: "adaptive" },
        effort: "low",
      });
    }
    expect(thinking({ reasoning: { budgetTokens: 5_000 } }).effort).toBe("medium");
    expect(thinking({ reasoning: { effort: "none" } }).config).toEqual({ type: "disabled" });
    expect(thinking({}).config).toBeUndefined();
  });

  test("by a budget below the limit, with older ones", () => {
    for (const upstreamModel of [
      "claude-3-7-sonnet-20250219",
      "claude-opus-4-20250514",
      "claude-haiku-4-5",
      "anthropic/claude-sonnet-4.5",
    ]) {
      expect(thinking({ reasoning: { effort: "high" } }, { ...older, upstreamModel })).toEqual({
        config: { type: "enabled", budget_tokens: 6_000 },
        effort: undefined,
      });
    }
    expect(thinking({ reasoning: { effort: "low" } }, older).config).toEqual({
      type: "enabled",
      budget_tokens: 2_048,
    });
    expect(
      thinking({ reasoning: { budgetTokens: 1 } }, { ...older, maxOutputTokens: 1_025 }).config,
    ).toEqual({ type: "enabled", budget_tokens: 1_024 });
  });

  test("needs room: a client that left none is told, one whose limit was lowered is not", () => {
    const tight = { ...older, maxOutputTokens: 1_000 };

    expect(refusedParam({ reasoning: { effort: "low" }, maxOutputTokens: 1_000 }, tight)).toBe(
      "reasoning",
    );
    expect(thinking({ reasoning: { effort: "low" }, maxOutputTokens: 5_000 }, tight).config).toBe(
      undefined,
    );
    expect(
      thinking({ reasoning: { effort: "low", isOptional: true }, maxOutputTokens: 1_000 }, tight)
        .config,
    ).toBeUndefined();
  });

  test("with a budget, a turn that called tools without sealed thoughts goes on without", () => {
    const turn = (parts: Extract<PromptMessage, { role: "assistant" }>["parts"]) => ({
      reasoning: { effort: "low" as const },
      messages: [
        hello,
        {
          role: "assistant" as const,
          parts: [...parts, { type: "tool_call" as const, id: "c", name: "look", arguments: "{}" }],
        },
        {
          role: "tool" as const,
          parts: [{ type: "tool_result" as const, callId: "c", parts: [] }],
        },
      ],
    });

    expect(thinking(turn([]), older).config).toBeUndefined();
    expect(
      thinking(turn([{ type: "reasoning", text: "Hm.", signature: "s" }]), older).config,
    ).toMatchObject({ type: "enabled" });
  });

  test("the quirk decides for models whose names tell nothing", () => {
    const quirks = { thinking_request: "budget" as const };
    const { thinking: config } = encodeRequest(prompting({ reasoning: { effort: "low" } }), {
      ...OPTIONS,
      upstreamModel: "glm-6",
      quirks,
    });

    expect(config).toEqual({ type: "enabled", budget_tokens: 2_048 });
  });
});

test("answers by a schema", () => {
  const schema = { type: "object" };
  const format = (description?: string) =>
    encode({
      responseFormat: {
        type: "json_schema",
        name: "fox",
        schema,
        ...(description === undefined ? {} : { description }),
      },
    })["output_config"];

  expect(format()).toEqual({ format: { type: "json_schema", schema } });
  expect(format("A fox.")).toEqual({
    format: { type: "json_schema", schema: { ...schema, description: "A fox." } },
  });
  expect(encode({ responseFormat: { type: "text" } })["output_config"]).toBeUndefined();
});

describe("what Anthropic has no words for is refused", () => {
  const image = (more: object) => ({
    messages: [
      {
        role: "user",
        parts: [{ type: "image", source: { url: "https://x.example" }, ...more }],
      } as PromptMessage,
    ],
  });
  const cases: [string, Partial<Prompt>][] = [
    ["n", { choices: 2 }],
    ["logprobs", { topLogprobs: 0 }],
    ["seed", { seed: 0 }],
    ["presence_penalty", { presencePenalty: 0.1 }],
    ["frequency_penalty", { frequencyPenalty: -1 }],
    ["temperature", { temperature: 1.5 }],
    ["verbosity", { verbosity: "low" }],
    ["response_format", { responseFormat: { type: "json" } }],
    ["service_tier", { serviceTier: "flex" }],
    ["name", { messages: [{ ...hello, name: "fox" } as PromptMessage] }],
    ["detail", image({ detail: "low" })],
    ["image", image({ source: { fileId: "file-1" } })],
    [
      "input_audio",
      { messages: [{ role: "user", parts: [{ type: "audio", data: "", format: "wav" }] }] },
    ],
    ["thinking", { extra: { thinking: { type: "enabled" } } }],
  ];

  for (const [param, more] of cases) {
    test(param, () => expect(refusedParam(more)).toBe(param));
  }

  test("and what asks for nothing is not", () => {
    const asksNothing: Partial<Prompt> = {
      choices: 1,
      presencePenalty: 0,
      temperature: 1,
      verbosity: "medium",
      metadata: { team: "blue" },
      cacheKey: "k",
      ...image({ detail: "high" }),
      extra: { vendor_extension: 1 },
    };

    expect(encode(asksNothing)).toMatchObject({ temperature: 1, vendor_extension: 1 });
  });
});
