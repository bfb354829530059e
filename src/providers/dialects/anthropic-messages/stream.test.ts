import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../../lib/errors.ts";
import type { AnswerEvent, AnswerFacts } from "../../neutral/answer.ts";
import { eventsOf } from "../../neutral/events-of.ts";
import { fold } from "../../neutral/fold.ts";
import { unwrapSeal } from "../../neutral/seal.ts";
import { anthropicMessages } from "./anthropic-messages.ts";

const FACTS: AnswerFacts = {
  requestId: "req_7f3a",
  model: "our-model",
  createdS: 1_700_000_000,
  request: {},
};

function decodeFixture(name: string): AnswerEvent[] {
  const decoder = anthropicMessages.streamDecoder();
  const bytes = new Uint8Array(readFileSync(join(import.meta.dir, "fixtures", name)));
  return [...decoder.take(bytes), ...decoder.end()];
}

type Frame = { type: string } & Record<string, unknown>;

function encode(events: readonly AnswerEvent[], facts = FACTS): Frame[] {
  const encoder = anthropicMessages.streamEncoder(facts);
  const text = events.map((event) => encoder.take(event)).join("") + encoder.closing();
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((frame) => {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? [];
      const body = JSON.parse(data ?? "") as Frame;
      expect(body.type).toBe(name ?? "");
      return body;
    });
}

describe("a provider's stream", () => {
  test("with thoughts, their seals, text and calls", () => {
    expect(fold(decodeFixture("thinking-and-tools.sse"))).toEqual({
      id: "msg_01XFDUDYJgAACzvnptvVoYEL",
      model: "claude-sonnet-4-5-20250929",
      serviceTier: "standard",
      choices: [
        {
          reason: "tool_calls",
          parts: [
            {
              type: "reasoning",
              text: "The user asks for two files.",
              signature: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h",
              sealedBy: "anthropic-messages",
            },
            {
              type: "reasoning",
              text: "",
              encrypted: expect.stringMatching(/^EmwK/),
              sealedBy: "anthropic-messages",
            },
            { type: "text", text: "Both at once." },
            {
              type: "tool_call",
              id: "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
              name: "read_file",
              arguments: '{"path": "a.txt"}',
            },
            { type: "tool_call", id: "toolu_02", name: "list_all", arguments: "{}" },
          ],
        },
      ],
      usage: {
        quantities: { uncached_input: 25, output_text: 40, reasoning: 80 },
        raw: expect.objectContaining({ input_tokens: 25, output_tokens: 120 }),
      },
    } as never);
  });

  test("with citations, and without what only its own tools write", () => {
    expect(fold(decodeFixture("web-search.sse")).choices).toEqual([
      {
        reason: "stop",
        parts: [
          { type: "text", text: "I'll search." },
          {
            type: "text",
            text: "It is sunny.",
            annotations: [{ url: "https://weather.example/nyc", title: "Weather" }],
          },
        ],
      },
    ]);
  });

  test("that breaks off tells the error, and nothing behind it", () => {
    expect(decodeFixture("error-mid-stream.sse").at(-1)).toEqual({
      type: "error",
      error: { type: "overloaded_error", message: "Overloaded" },
    });
    expect(decodeFixture("error-event.sse").at(-1)?.type).toBe("error");
    expect(decodeFixture("cut-in-frame.sse").some(({ type }) => type === "finish")).toBe(false);
  });

  test("that tells its output at the beginning only has not told it", () => {
    const start = { type: "message", usage: { input_tokens: 25, output_tokens: 1 } };
    const frames = [
      `data: ${JSON.stringify({ type: "message_start", message: start })}\n\n`,
      `data: ${JSON.stringify({ type: "message_delta", delta: { stop_reason: "end_turn" } })}\n\n`,
      'data: {"type":"message_stop"}\n\n',
    ];
    const decoder = anthropicMessages.streamDecoder();
    const tap = anthropicMessages.tap({});
    const [begun] = frames.map((frame) => {
      tap.take(new TextEncoder().encode(frame));
      return tap.usage?.quantities;
    });
    const events = decoder.take(new TextEncoder().encode(frames.join("")));

    expect(begun).toEqual({ uncached_input: 25, output_text: 1 });
    expect(tap.finished).toBe(true);
    expect(tap.usage).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(["begin", "finish"]);
  });

  test("that was shortened on the way is charged for that, too", () => {
    expect(fold(decodeFixture("compaction.sse")).usage?.quantities).toEqual({
      uncached_input: 180_025,
      output_text: 3_502,
    });
  });
});

describe("a client's stream", () => {
  test("is what Anthropic's own would be", () => {
    const frames = encode(decodeFixture("thinking-and-tools.sse"));
    const kinds = frames.map(({ type, content_block, delta, index }) =>
      [type, index, (content_block as Frame)?.type ?? (delta as Frame)?.type].join(" ").trim(),
    );

    expect(kinds).toEqual([
      "message_start",
      "content_block_start 0 thinking",
      "content_block_delta 0 thinking_delta",
      "content_block_delta 0 thinking_delta",
      "content_block_delta 0 signature_delta",
      "content_block_stop 0",
      "content_block_start 1 redacted_thinking",
      "content_block_stop 1",
      "content_block_start 2 text",
      "content_block_delta 2 text_delta",
      "content_block_stop 2",
      "content_block_start 3 tool_use",
      "content_block_delta 3 input_json_delta",
      "content_block_delta 3 input_json_delta",
      "content_block_stop 3",
      "content_block_start 4 tool_use",
      "content_block_delta 4 input_json_delta",
      "content_block_stop 4",
      "message_delta",
      "message_stop",
    ]);
    expect(frames.at(0)?.["message"]).toMatchObject({
      id: "msg_01XFDUDYJgAACzvnptvVoYEL",
      type: "message",
      role: "assistant",
      content: [],
      stop_reason: null,
      usage: { input_tokens: 0, output_tokens: 0 },
    });
    expect(frames.at(-2)).toMatchObject({
      delta: { stop_reason: "tool_use", stop_sequence: null },
      usage: {
        input_tokens: 25,
        output_tokens: 120,
        output_tokens_details: { thinking_tokens: 80 },
      },
    });
  });

  test("says the same whole", () => {
    const answer = fold(decodeFixture("cached.sse"));
    const whole = anthropicMessages.encodeAnswer(answer, FACTS);

    expect(whole).toMatchObject({
      type: "message",
      content: [{ type: "text", text: "Hello wörld 🦊", citations: null }],
      stop_reason: "end_turn",
      usage: {
        input_tokens: 3,
        cache_read_input_tokens: 20_432,
        cache_creation_input_tokens: 1_656,
        cache_creation: { ephemeral_5m_input_tokens: 1_200, ephemeral_1h_input_tokens: 456 },
        output_tokens: 12,
      },
    });
    const again = anthropicMessages.decodeAnswer(whole);
    expect(again.choices).toEqual(answer.choices);
    expect(again.usage?.quantities).toEqual(answer.usage?.quantities);
  });

  test("carries another dialect's seals in the signature, and brings them back", () => {
    const seals = { encrypted: "gAAA", id: "rs_1", sealedBy: "openai-responses" } as const;
    const frames = encode([
      { type: "reasoning", choice: 0, part: 0, delta: "Hm." },
      { type: "reasoning_end", choice: 0, part: 0, ...seals },
      { type: "reasoning_end", choice: 0, part: 1, ...seals },
      { type: "reasoning", choice: 0, part: 2, delta: "Unsigned." },
      { type: "reasoning_end", choice: 0, part: 2 },
    ]);
    const signatures = frames.flatMap(({ delta, content_block }) => {
      const { signature } = (delta ?? {}) as { signature?: string };
      const { data } = (content_block ?? {}) as { data?: string };
      return signature ?? data ?? [];
    });

    expect(signatures.map(unwrapSeal)).toEqual([seals, seals, { sealedBy: "openai-chat" }]);
  });

  test("of a client that wants no thoughts keeps them in their seal", () => {
    const facts = { ...FACTS, request: { thinking: { type: "adaptive", display: "omitted" } } };
    const frames = encode(
      [
        { type: "reasoning", choice: 0, part: 0, delta: "Secret " },
        { type: "reasoning", choice: 0, part: 0, delta: "thoughts." },
        { type: "reasoning_end", choice: 0, part: 0 },
        { type: "text", choice: 0, part: 1, delta: "So." },
      ],
      facts,
    );
    const deltas = frames.flatMap(({ delta }) => (delta as Frame) ?? []);
    const signature = deltas.find(({ type }) => type === "signature_delta")?.["signature"];

    expect(deltas.some(({ type }) => type === "thinking_delta")).toBe(false);
    expect(unwrapSeal(String(signature))).toEqual({
      sealedBy: "openai-chat",
      text: "Secret thoughts.",
    });
  });

  test("without usage says what was counted, and without a word still begins and ends", () => {
    const spoken = encode([{ type: "text", choice: 0, part: 0, delta: "Hello there." }]);

    expect(spoken.at(-2)).toMatchObject({ usage: { input_tokens: 0, output_tokens: 3 } });
    expect(encode([]).map(({ type }) => type)).toEqual([
      "message_start",
      "message_delta",
      "message_stop",
    ]);
    expect(encode([])[0]?.["message"]).toMatchObject({ id: "msg_7f3a", model: "our-model" });
  });

  test("says why it ended", () => {
    const ending = (finish: Partial<Extract<AnswerEvent, { type: "finish" }>>) =>
      encode([{ type: "finish", choice: 0, reason: "stop", ...finish }]).at(-2)?.["delta"];

    expect(ending({})).toEqual({ stop_reason: "end_turn", stop_sequence: null });
    expect(ending({ stopSequence: "END" })).toEqual({
      stop_reason: "stop_sequence",
      stop_sequence: "END",
    });
    expect(ending({ reason: "length" })).toMatchObject({ stop_reason: "max_tokens" });
    expect(ending({ reason: "content_filter" })).toMatchObject({ stop_reason: "refusal" });
    expect(ending({ reason: "pause" })).toMatchObject({ stop_reason: "pause_turn" });
  });
});

test("whole answers and their events tell the same", () => {
  for (const name of ["thinking-and-tools.sse", "web-search.sse", "cached.sse"]) {
    const answer = fold(decodeFixture(name));
    expect(fold(eventsOf(answer))).toEqual(answer);
  }
});

test("errors have the type that belongs to their status", () => {
  const typeOf = (failure: Failure) =>
    (anthropicMessages.errorBody(failure, "req_1")["error"] as { type: string }).type;

  expect(
    anthropicMessages.errorBody(new Failure("not_found", "Gone.", { code: "x" }), "req_1"),
  ).toEqual({
    type: "error",
    error: { type: "not_found_error", message: "Gone.", details: { error_code: "x" } },
    request_id: "req_1",
  });
  expect(typeOf(new Failure("invalid", ""))).toBe("invalid_request_error");
  expect(typeOf(new Failure("blocked", ""))).toBe("invalid_request_error");
  expect(typeOf(new Failure("unauthenticated", ""))).toBe("authentication_error");
  expect(typeOf(new Failure("insufficient_funds", ""))).toBe("billing_error");
  expect(typeOf(new Failure("too_large", ""))).toBe("request_too_large");
  expect(typeOf(new Failure("rate_limited", ""))).toBe("rate_limit_error");
  expect(typeOf(new Failure("overloaded", ""))).toBe("overloaded_error");
  expect(typeOf(new Failure("timeout", ""))).toBe("timeout_error");
  expect(typeOf(new Failure("upstream", ""))).toBe("api_error");
});
