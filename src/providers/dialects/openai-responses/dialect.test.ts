import { join } from "node:path";
import { testDialect } from "../../../../test/contract/dialect-cases.ts";
import { openAiResponses } from "./openai-responses.ts";

const few = { uncached_input: 7, output_text: 3 };
/** "Hello", " wörld" and " 🦊" are 17 bytes. */
const HELLO = 5;
const hello = { quantities: few, ending: "done", counted: HELLO } as const;

const said = { type: "text", text: "Hello wörld 🦊" } as const;
const stopped = [{ parts: [said], reason: "stop" as const }];

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
      whole: "text.json",
      quantities: { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 },
      ending: "done",
      counted: HELLO,
      choices: stopped,
    },
    "usage missing": {
      ...{ file: "usage-missing.sse", whole: "usage-missing.json" },
      ...hello,
      quantities: undefined,
    },
    "usage repeated in every frame": { file: "usage-repeated.sse", ...hello, choices: stopped },
    "usage with the finish": {
      impossible: "the event that tells how it ended is the one with usage",
    },
    "input from a cache": {
      file: "text.sse",
      quantities: { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 },
      ending: "done",
      counted: HELLO,
    },
    "input written to a cache": {
      file: "cache-write.sse",
      whole: "cache-write.json",
      quantities: { uncached_input: 86, cache_write: 1920, output_text: 12 },
      ending: "done",
      counted: HELLO,
    },
    "reasoning beside the completion": {
      file: "reasoning-text.sse",
      quantities: { uncached_input: 20, output_text: 4, reasoning: 6 },
      ending: "done",
      counted: 4,
      choices: [
        {
          parts: [
            { type: "reasoning", text: "Let me think." },
            { type: "text", text: "4" },
          ],
          reason: "stop",
        },
      ],
    },
    "thoughts under a seal": {
      file: "reasoning-summary.sse",
      whole: "reasoning-summary.json",
      quantities: { uncached_input: 40, output_text: 60, reasoning: 640 },
      ending: "done",
      counted: 10,
      choices: [
        {
          parts: [
            {
              type: "reasoning",
              text: "**Weighing** the options\n\n**Deciding**",
              encrypted: "gAAAAABsealed",
              id: "rs_01",
              sealedBy: "openai-responses",
            },
            { type: "text", text: "Yes." },
          ],
          reason: "stop",
        },
      ],
    },
    audio: { impossible: "models of this API do not speak" },
    "pictures in the input": {
      file: "image-input.sse",
      whole: "image-input.json",
      quantities: { uncached_input: 135, image_input: 765, output_text: 12 },
      ending: "done",
      counted: HELLO,
    },
    "tool calls": {
      file: "function-calls.sse",
      whole: "function-calls.json",
      quantities: { uncached_input: 80, output_text: 34 },
      ending: "done",
      counted: 5,
      choices: [
        {
          parts: [
            { type: "tool_call", id: "call_1", name: "get_weather", arguments: '{"city":"Bern"}' },
            { type: "tool_call", id: "call_2", name: "get_time", arguments: "{}" },
          ],
          reason: "tool_calls",
        },
      ],
    },
    "tool calls side by side": { impossible: "an item is done before the next one is added" },
    "a refusal": {
      file: "refusal.sse",
      whole: "refusal.json",
      quantities: { uncached_input: 30, output_text: 8 },
      ending: "done",
      counted: 6,
      choices: [
        { parts: [{ type: "refusal", text: "I cannot help with that." }], reason: "refusal" },
      ],
    },
    citations: {
      file: "web-search.sse",
      whole: "web-search.json",
      quantities: { uncached_input: 9000, output_text: 56, reasoning: 64, search_units: 2 },
      ending: "done",
      counted: 4,
      choices: [
        {
          parts: [
            {
              type: "text",
              text: "Bern is a city.",
              annotations: [{ url: "https://example.com/bern", title: "Bern", start: 0, end: 4 }],
            },
          ],
          reason: "stop",
        },
      ],
    },
    probabilities: {
      file: "logprobs.sse",
      whole: "logprobs.json",
      quantities: { uncached_input: 8, output_text: 2 },
      ending: "done",
      counted: 2,
    },
    "several choices": { impossible: "a response is one answer" },
    "lines ending with CR and LF": {
      file: "text-crlf.sse",
      quantities: { uncached_input: 176, cache_read: 1024, output_text: 32, reasoning: 64 },
      ending: "done",
      counted: HELLO,
      choices: stopped,
    },
    "comments and other fields": { file: "comments.sse", ...hello, choices: stopped },
    "data of several lines": { file: "multi-line-data.sse", ...hello, choices: stopped },
    "a byte order mark": { file: "byte-order-mark.sse", ...hello, choices: stopped },
    "the end marker missing": { impossible: "the event that tells how it ended is the end marker" },
    "the last line left open": { file: "last-line-open.sse", ...hello, choices: stopped },
    "cut in the middle of a frame": {
      file: "cut-in-event.sse",
      quantities: undefined,
      ending: "open",
      counted: 3,
    },
    "an error before anything else": {
      file: "error-first.sse",
      quantities: undefined,
      ending: "error",
      counted: 0,
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
      whole: "odd-ending.json",
      quantities: { uncached_input: 4, output_text: 1 },
      ending: "done",
      counted: 1,
      choices: [{ parts: [{ type: "text", text: "Hi" }], reason: "other" }],
    },
    "a malformed frame": { file: "malformed-event.sse", ...hello, choices: stopped },
  },
  more: {
    "thoughts that nobody may read": {
      file: "reasoning-sealed.sse",
      whole: "reasoning-sealed.json",
      quantities: { uncached_input: 40, output_text: 44, reasoning: 256 },
      ending: "done",
      counted: 1,
    },
    "an answer that became too long": {
      file: "incomplete.sse",
      whole: "incomplete.json",
      quantities: { uncached_input: 12, output_text: 8, reasoning: 8 },
      ending: "done",
      counted: HELLO,
      choices: [{ parts: [said], reason: "length" }],
    },
    "an answer that a filter ended": {
      file: "content-filter.sse",
      quantities: { uncached_input: 12, output_text: 2 },
      ending: "done",
      counted: 1,
      choices: [{ parts: [{ type: "text", text: "Well" }], reason: "content_filter" }],
    },
    "an answer that was cancelled": {
      file: "cancelled.sse",
      quantities: undefined,
      ending: "error",
      counted: 3,
    },
    "an error told twice": {
      file: "error-nested.sse",
      quantities: undefined,
      ending: "error",
      counted: 0,
    },
    "several texts": {
      file: "several-parts.sse",
      whole: "several-parts.json",
      quantities: { uncached_input: 10, output_text: 7 },
      ending: "done",
      counted: 4,
      choices: [
        {
          parts: ["One. ", "Two.", "Three."].map((text) => ({ type: "text", text })),
          reason: "stop",
        },
      ],
    },
    "items told at their end only": {
      file: "deltas-missing.sse",
      whole: "deltas-missing.json",
      quantities: { uncached_input: 80, output_text: 21 },
      ending: "done",
      counted: 10,
      choices: [
        {
          parts: [
            { type: "text", text: "I look it up." },
            { type: "tool_call", id: "call_1", name: "get_weather", arguments: '{"city":"Bern"}' },
          ],
          reason: "tool_calls",
        },
      ],
    },
    "nothing but the end": {
      file: "only-the-end.sse",
      quantities: { uncached_input: 9, output_text: 4 },
      ending: "done",
      counted: 3,
      choices: [{ parts: [{ type: "text", text: "All at once." }], reason: "stop" }],
    },
    "an end marker as in chat": { file: "done-marker.sse", ...hello, choices: stopped },
    "tools that the provider runs, and an event of tomorrow": {
      file: "provider-tools.sse",
      quantities: { uncached_input: 500, output_text: 60, search_units: 1, images: 1 },
      ending: "done",
      counted: 5,
    },
  },
});
