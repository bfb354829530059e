import type { FinishReason } from "../../neutral/answer.ts";

const meanings: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "refusal",
  pause_turn: "pause",
};

export const toFinishReason = (wire: string): FinishReason => meanings[wire] ?? "other";

/** There is no word for a filter beside the model's own refusal, nor for reasons that nobody knows. */
const words = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
  refusal: "refusal",
  pause: "pause_turn",
  other: "end_turn",
} as const satisfies Record<FinishReason, string>;

/** A stop sequence is a reason of its own here. */
export function fromFinishReason(reason: FinishReason, stopSequence: string | undefined) {
  return reason === "stop" && stopSequence !== undefined ? "stop_sequence" : words[reason];
}
