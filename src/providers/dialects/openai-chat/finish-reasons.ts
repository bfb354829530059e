import type { FinishReason } from "../../neutral/answer.ts";

/** OpenAI's own, and what other servers of this dialect say instead. */
const meanings: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  end_turn: "stop",
  eos: "stop",
  eos_token: "stop",
  stop_sequence: "stop",
  length: "length",
  max_tokens: "length",
  model_length: "length",
  tool_calls: "tool_calls",
  tool_use: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
  safety: "content_filter",
  sensitive: "content_filter",
};

/** What a choice consists of. */
export type Kinds = { hasCalls: boolean; hasWords: boolean; hasRefusal: boolean };

/** Some servers say that they have stopped where they have called tools; a refusal has no word of its own. */
export function toFinishReason(
  wire: string,
  { hasCalls, hasWords, hasRefusal }: Kinds,
): FinishReason {
  const reason = meanings[wire.toLowerCase()] ?? "other";
  if (reason !== "stop") return reason;
  if (hasCalls) return "tool_calls";
  return hasRefusal && !hasWords ? "refusal" : "stop";
}

/** There are no words for a pause, which is an answer that is not at its end, nor for reasons that nobody knows. */
const words = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  content_filter: "content_filter",
  refusal: "content_filter",
  pause: "length",
  other: "stop",
} as const satisfies Record<FinishReason, string>;

/** `hasRefusal`: the model has said in words that it refuses, so nobody has filtered its answer. */
export function fromFinishReason(reason: FinishReason, hasRefusal: boolean) {
  return reason === "refusal" && hasRefusal ? "stop" : words[reason];
}
