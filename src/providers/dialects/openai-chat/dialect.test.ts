import { join } from "node:path";
import { testDialect } from "../../../../test/contract/dialect-cases.ts";
import { openAiChat } from "./openai-chat.ts";

const repeated = (output: number) => ({ uncached_input: 17, output_text: output });
const text = (said: string) => ({ type: "text", text: said }) as const;
const call = (id: string, name: string, args: string) =>
  ({ type: "tool_call", id, name, arguments: args }) as const;
const sealed = {
  type: "reasoning",
  text: "Let me think.",
  signature: "EqQBCgIYAh…",
  sealedBy: "anthropic-messages",
} as const;
const full = { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 };

testDialect({
  name: "openai-chat",
  fixtures: join(import.meta.dir, "fixtures"),
  openTap: ({ hideUsage }) => openAiChat.tap({ stream_options: { include_usage: !hideUsage } }),
  isWithheld: (frame) =>
    frame.includes("[DONE]") ||
    frame.includes('"error":{') ||
    frame.startsWith("event: error") ||
    frame.includes("never comp"),
  isUsageOnly: (frame) => frame.startsWith("data:") && frame.includes('"choices":[],"usage":{'),
  cases: {
    "usage in the last frame": {
      file: "usage-last.sse",
      quantities: full,
      ending: "done",
      // "Hello" and " wörld 🦊" are 17 bytes.
      counted: 5,
      choices: [{ parts: [text("Hello wörld 🦊")], reason: "stop" }],
      whole: "usage-last.json",
    },
    "usage missing": {
      file: "usage-missing.sse",
      quantities: undefined,
      ending: "done",
      counted: 10,
    },
    "usage repeated in every frame": {
      file: "usage-repeated.sse",
      quantities: repeated(3),
      ending: "done",
      counted: 3,
    },
    "usage with the finish": {
      file: "usage-with-finish.sse",
      quantities: { uncached_input: 36, cache_read: 64, output_text: 5 },
      ending: "done",
      counted: 1,
    },
    "input from a cache": {
      file: "cached.sse",
      quantities: { uncached_input: 86, cache_read: 1920, output_text: 4 },
      ending: "done",
      counted: 2,
      whole: "cached.json",
    },
    "input written to a cache": {
      file: "cache-write.sse",
      quantities: { uncached_input: 200, cache_read: 300, cache_write: 1000, output_text: 4 },
      ending: "done",
      counted: 2,
      whole: "cache-write.json",
    },
    "reasoning beside the completion": {
      file: "reasoning-beside.sse",
      quantities: { uncached_input: 24, cache_read: 6, output_text: 2, reasoning: 300 },
      ending: "done",
      counted: 4,
      choices: [
        { parts: [{ type: "reasoning", text: "Let me think" }, text("42")], reason: "stop" },
      ],
      whole: "reasoning-beside.json",
    },
    "thoughts under a seal": {
      file: "sealed-thoughts.sse",
      quantities: { uncached_input: 40, output_text: 10, reasoning: 50 },
      ending: "done",
      counted: 4,
      choices: [{ parts: [sealed, text("42")], reason: "stop" }],
      whole: "sealed-thoughts.json",
    },
    "pictures in the input": {
      file: "image-input.sse",
      quantities: { uncached_input: 13, image_input: 1092, output_text: 6 },
      ending: "done",
      counted: 2,
      whole: "image-input.json",
    },
    "tool calls side by side": {
      file: "parallel-tool-calls.sse",
      quantities: { uncached_input: 80, output_text: 41 },
      ending: "done",
      counted: 20,
      choices: [
        {
          parts: [
            text("I shall look."),
            call("call_a", "get_weather", '{"city":"Łódź"}'),
            call("call_b", "get_time", '{"zone":"Europe/Warsaw"}'),
            call("call_c", "now", "{}"),
          ],
          reason: "tool_calls",
        },
      ],
      whole: "parallel-tool-calls.json",
    },
    "a refusal": {
      file: "refusal.sse",
      quantities: { uncached_input: 30, output_text: 9 },
      ending: "done",
      counted: 6,
      choices: [
        { parts: [{ type: "refusal", text: "I cannot help with that." }], reason: "refusal" },
      ],
      whole: "refusal.json",
    },
    citations: {
      file: "citations.sse",
      quantities: { uncached_input: 400, output_text: 12 },
      ending: "done",
      counted: 8,
      choices: [
        {
          parts: [
            {
              ...text("Oslo is the capital of Norway."),
              annotations: [{ url: "https://example.org/oslo", title: "Oslo", start: 0, end: 31 }],
            },
          ],
          reason: "stop",
        },
      ],
      whole: "citations.json",
    },
    probabilities: {
      file: "probabilities.sse",
      quantities: { uncached_input: 9, output_text: 2 },
      ending: "done",
      counted: 2,
      whole: "probabilities.json",
    },
    "an error before anything else": {
      file: "error-first.sse",
      quantities: undefined,
      ending: "error",
      counted: 0,
    },
    audio: {
      file: "audio.sse",
      quantities: { uncached_input: 20, audio_input: 40, output_text: 12, audio_output: 38 },
      ending: "done",
      counted: 3,
    },
    "tool calls": {
      file: "tool-calls.sse",
      quantities: undefined,
      ending: "done",
      counted: 8,
      whole: "tool-calls.json",
    },
    "several choices": {
      file: "several-choices.sse",
      quantities: repeated(2),
      ending: "done",
      counted: 1,
      choices: [
        { parts: [text("A")], reason: "stop" },
        { parts: [text("B")], reason: "length" },
      ],
      whole: "several-choices.json",
    },
    "lines ending with CR and LF": {
      file: "crlf.sse",
      quantities: full,
      ending: "done",
      counted: 2,
    },
    "comments and other fields": {
      file: "comments.sse",
      quantities: repeated(1),
      ending: "done",
      counted: 2,
    },
    "data of several lines": {
      file: "multi-line-data.sse",
      quantities: { uncached_input: 3, output_text: 1 },
      ending: "done",
      counted: 2,
    },
    "a byte order mark": {
      file: "byte-order-mark.sse",
      quantities: repeated(1),
      ending: "done",
      counted: 2,
    },
    "the end marker missing": {
      file: "done-missing.sse",
      quantities: repeated(1),
      ending: "finished",
      counted: 2,
    },
    "the last line left open": {
      file: "last-line-open.sse",
      quantities: repeated(1),
      ending: "done",
      counted: 2,
    },
    "cut in the middle of a frame": {
      file: "cut-in-frame.sse",
      quantities: undefined,
      ending: "open",
      counted: 3,
    },
    "an error frame": {
      file: "error-mid-stream.sse",
      quantities: undefined,
      ending: "error",
      counted: 2,
    },
    "an error event": {
      file: "error-event.sse",
      quantities: undefined,
      ending: "error",
      counted: 2,
    },
    "odd finish reasons": {
      file: "odd-finish.sse",
      quantities: undefined,
      ending: "done",
      counted: 2,
    },
    "a malformed frame": {
      file: "malformed-frame.sse",
      quantities: repeated(2),
      ending: "done",
      counted: 3,
    },
  },
  more: {
    "usage within the choice, from Moonshot": {
      file: "usage-in-choice.sse",
      quantities: { uncached_input: 9, cache_read: 10, output_text: 13 },
      ending: "done",
      counted: 1,
    },
    "usage in a field of its own, from Groq": {
      file: "usage-of-groq.sse",
      quantities: { uncached_input: 19, output_text: 2 },
      ending: "done",
      counted: 1,
    },
    "filters before the answer, from Azure": {
      file: "filters-first.sse",
      quantities: { uncached_input: 5, output_text: 1 },
      ending: "done",
      counted: 1,
    },
    "calls that are all numbered zero, and end with stop": {
      file: "tool-calls-numbered-zero.sse",
      quantities: { uncached_input: 20, output_text: 12 },
      ending: "done",
      counted: 9,
      choices: [
        {
          parts: [
            call("call_a", "get_weather", '{"city":"Oslo"}'),
            call("call_b", "get_time", "{}"),
          ],
          reason: "tool_calls",
        },
      ],
    },
  },
});
