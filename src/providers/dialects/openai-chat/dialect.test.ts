import { join } from "node:path";
import { testDialect } from "../../../../test/contract/dialect-cases.ts";
import { openAiChat } from "./openai-chat.ts";

const repeated = (output: number) => ({ uncached_input: 17, output_text: output });
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
    "reasoning beside the completion": {
      file: "reasoning-beside.sse",
      quantities: { uncached_input: 24, cache_read: 6, output_text: 2, reasoning: 300 },
      ending: "done",
      counted: 4,
    },
    audio: {
      file: "audio.sse",
      quantities: { uncached_input: 20, audio_input: 40, output_text: 12, audio_output: 38 },
      ending: "done",
      counted: 3,
    },
    "tool calls": { file: "tool-calls.sse", quantities: undefined, ending: "done", counted: 8 },
    "several choices": {
      file: "several-choices.sse",
      quantities: repeated(2),
      ending: "done",
      counted: 1,
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
});
