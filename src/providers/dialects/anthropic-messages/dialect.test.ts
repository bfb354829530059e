import { join } from "node:path";
import { testDialect } from "../../../../test/contract/dialect-cases.ts";
import { anthropicMessages } from "./anthropic-messages.ts";

const one = (output: number) => ({ uncached_input: 25, output_text: output });

testDialect({
  name: "anthropic-messages",
  fixtures: join(import.meta.dir, "fixtures"),
  openTap: () => anthropicMessages.tap({}),
  isWithheld: (frame) =>
    frame.includes('"message_stop"') ||
    frame.startsWith("event: error") ||
    frame.includes("never comp"),
  // Usage is a part of every message.
  isUsageOnly: () => false,
  cases: {
    "usage in the last frame": {
      file: "cached.sse",
      quantities: {
        uncached_input: 3,
        cache_read: 20_432,
        cache_write: 1_200,
        cache_write_1h: 456,
        output_text: 12,
      },
      ending: "done",
      // "Hello" and " wörld 🦊" are 17 bytes.
      counted: 5,
    },
    "usage missing": {
      file: "usage-missing.sse",
      quantities: undefined,
      ending: "done",
      counted: 5,
    },
    "usage repeated in every frame": {
      file: "usage-repeated.sse",
      quantities: { uncached_input: 17, output_text: 3 },
      ending: "done",
      counted: 2,
    },
    "usage with the finish": {
      file: "web-search.sse",
      quantities: { uncached_input: 10_682, output_text: 510, search_units: 1 },
      ending: "done",
      counted: 14,
    },
    "input from a cache": {
      file: "cached.sse",
      quantities: {
        uncached_input: 3,
        cache_read: 20_432,
        cache_write: 1_200,
        cache_write_1h: 456,
        output_text: 12,
      },
      ending: "done",
      counted: 5,
    },
    "input written to a cache": {
      file: "cached.sse",
      quantities: {
        uncached_input: 3,
        cache_read: 20_432,
        cache_write: 1_200,
        cache_write_1h: 456,
        output_text: 12,
      },
      ending: "done",
      counted: 5,
    },
    "thoughts under a seal": {
      file: "thinking-and-tools.sse",
      quantities: { uncached_input: 25, output_text: 40, reasoning: 80 },
      ending: "done",
      counted: 19,
    },
    "pictures in the input": { impossible: "they are counted as any other input" },
    "tool calls side by side": {
      file: "thinking-and-tools.sse",
      quantities: { uncached_input: 25, output_text: 40, reasoning: 80 },
      ending: "done",
      counted: 19,
    },
    "a refusal": {
      impossible: "a refusal is a reason to stop here, and is said as any other text",
    },
    citations: {
      file: "web-search.sse",
      quantities: { uncached_input: 10_682, output_text: 510, search_units: 1 },
      ending: "done",
      counted: 14,
    },
    probabilities: { impossible: "it tells none" },
    "an error before anything else": {
      file: "error-first.sse",
      quantities: undefined,
      ending: "error",
      counted: 0,
    },
    "reasoning beside the completion": {
      file: "thinking-and-tools.sse",
      quantities: { uncached_input: 25, output_text: 40, reasoning: 80 },
      ending: "done",
      counted: 19,
    },
    audio: { impossible: "models of this dialect do not speak" },
    "tool calls": {
      file: "thinking-and-tools.sse",
      quantities: { uncached_input: 25, output_text: 40, reasoning: 80 },
      ending: "done",
      counted: 19,
    },
    "several choices": { impossible: "a message is one answer" },
    "lines ending with CR and LF": {
      file: "crlf.sse",
      quantities: one(2),
      ending: "done",
      counted: 1,
    },
    "comments and other fields": {
      file: "comments.sse",
      quantities: one(2),
      ending: "done",
      counted: 1,
    },
    "data of several lines": {
      file: "multi-line-data.sse",
      quantities: { uncached_input: 3, output_text: 1 },
      ending: "done",
      counted: 1,
    },
    "a byte order mark": {
      file: "byte-order-mark.sse",
      quantities: one(2),
      ending: "done",
      counted: 1,
    },
    "the end marker missing": {
      file: "stop-missing.sse",
      quantities: one(2),
      ending: "finished",
      counted: 1,
    },
    "the last line left open": {
      file: "last-line-open.sse",
      quantities: one(2),
      ending: "done",
      counted: 1,
    },
    "cut in the middle of a frame": {
      file: "cut-in-frame.sse",
      quantities: one(1),
      ending: "open",
      counted: 3,
    },
    "an error frame": {
      file: "error-mid-stream.sse",
      quantities: one(1),
      ending: "error",
      counted: 1,
    },
    "an error event": {
      file: "error-event.sse",
      quantities: one(1),
      ending: "error",
      counted: 1,
    },
    "odd finish reasons": {
      file: "odd-stop.sse",
      quantities: one(2),
      ending: "done",
      counted: 1,
    },
    "a malformed frame": {
      file: "malformed-frame.sse",
      quantities: one(2),
      ending: "done",
      counted: 1,
    },
  },
});
