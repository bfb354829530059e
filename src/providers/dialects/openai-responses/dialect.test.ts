import { join } from "node:path";
import { testDialect } from "../../../../test/contract/dialect-cases.ts";
import { openAiResponses } from "./openai-responses.ts";

const few = { uncached_input: 7, output_text: 3 };
/** "Hello", " wörld" and " 🦊" are 17 bytes. */
const HELLO = 5;
const hello = { quantities: few, ending: "done", counted: HELLO } as const;

testDialect({
  name: "openai-responses",
  fixtures: join(import.meta.dir, "fixtures"),
  openTap: () => openAiResponses.tap({}),
  isWithheld: (frame) =>
    /response\.(completed|incomplete|failed|cancelled)"|event: error|\[DONE\]/.test(frame) ||
    frame.includes("never comp"),
  // Usage is a part of every response.
  isUsageOnly: () => false,
  cases: {
    "usage in the last frame": {
      file: "text.sse",
      quantities: { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 },
      ending: "done",
      counted: HELLO,
    },
    "usage missing": { file: "usage-missing.sse", ...hello, quantities: undefined },
    "usage repeated in every frame": { file: "usage-repeated.sse", ...hello },
    "usage with the finish": {
      file: "web-search.sse",
      quantities: { uncached_input: 9000, output_text: 56, reasoning: 64, search_units: 2 },
      ending: "done",
      counted: 4,
    },
    "input from a cache": {
      file: "text.sse",
      quantities: { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 },
      ending: "done",
      counted: HELLO,
    },
    "input written to a cache": {
      file: "cache-write.sse",
      quantities: {
        uncached_input: 176,
        cache_read: 24,
        cache_write: 1000,
        output_text: 32,
        reasoning: 64,
      },
      ending: "done",
      counted: HELLO,
    },
    "thoughts under a seal": {
      file: "reasoning-sealed.sse",
      quantities: { uncached_input: 40, output_text: 44, reasoning: 256 },
      ending: "done",
      counted: 1,
    },
    "pictures in the input": { impossible: "they are counted as any other input" },
    "tool calls side by side": {
      file: "function-calls.sse",
      quantities: { uncached_input: 80, output_text: 34 },
      ending: "done",
      counted: 5,
    },
    "a refusal": {
      file: "refusal.sse",
      quantities: { uncached_input: 30, output_text: 8 },
      ending: "done",
      counted: 6,
    },
    citations: {
      file: "web-search.sse",
      quantities: { uncached_input: 9000, output_text: 56, reasoning: 64, search_units: 2 },
      ending: "done",
      counted: 4,
    },
    probabilities: {
      file: "logprobs.sse",
      quantities: { uncached_input: 8, output_text: 2 },
      ending: "done",
      counted: 2,
    },
    "an error before anything else": {
      file: "error-first.sse",
      quantities: undefined,
      ending: "error",
      counted: 0,
    },
    "reasoning beside the completion": {
      file: "reasoning-summary.sse",
      quantities: { uncached_input: 40, output_text: 60, reasoning: 640 },
      ending: "done",
      counted: 10,
    },
    audio: { impossible: "models of this API do not speak" },
    "tool calls": {
      file: "function-calls.sse",
      quantities: { uncached_input: 80, output_text: 34 },
      ending: "done",
      counted: 5,
    },
    "several choices": { impossible: "a response is one answer" },
    "lines ending with CR and LF": {
      file: "text-crlf.sse",
      quantities: { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 },
      ending: "done",
      counted: HELLO,
    },
    "comments and other fields": { file: "comments.sse", ...hello },
    "data of several lines": { file: "multi-line-data.sse", ...hello },
    "a byte order mark": { file: "byte-order-mark.sse", ...hello },
    "the end marker missing": { impossible: "the event that tells how it ended is the end marker" },
    "the last line left open": { file: "last-line-open.sse", ...hello },
    "cut in the middle of a frame": {
      file: "cut-in-event.sse",
      quantities: undefined,
      ending: "open",
      counted: 3,
    },
    "an error frame": {
      file: "failed.sse",
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
      file: "odd-ending.sse",
      quantities: { uncached_input: 4, output_text: 1 },
      ending: "done",
      counted: 1,
    },
    "a malformed frame": { file: "malformed-event.sse", ...hello },
  },
});
