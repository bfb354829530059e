/** The events of one choice → the choices of chunks, as OpenAI sends them: a role, pieces, a reason to finish. */
import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent, FinishReason } from "../../neutral/answer.ts";
import type { ReasoningPart } from "../../neutral/prompt.ts";
import { toAnnotation } from "./encode-answer.ts";
import { fromFinishReason } from "./finish-reasons.ts";
import { toReasoningDetail } from "./reasoning-details.ts";

type ChoiceEvent = Extract<AnswerEvent, { choice: number }>;

/** What OpenAI documents, and what other servers have made common beside it. */
type Delta = ChatCompletionChunk.Choice.Delta & {
  reasoning_content?: string;
  reasoning_details?: JsonObject[];
  annotations?: ReturnType<typeof toAnnotation>[];
};
export type ChunkChoice = Omit<ChatCompletionChunk.Choice, "delta"> & { delta: Delta };

const ROLE: Delta = { role: "assistant", content: "", refusal: null };

export class ChoiceEncoder {
  readonly #index: number;
  #hasBegun = false;
  /** By the number of the part: calls are counted apart from other parts here. */
  readonly #calls = new Map<number, number>();
  #thoughts = 0;
  #thought = "";
  #textPart: number | undefined;
  #textChars = 0;
  #charsBeforePart = 0;
  #hasRefusal = false;
  #reason: FinishReason = "other";

  constructor(index: number) {
    this.#index = index;
  }

  take(event: ChoiceEvent): ChunkChoice[] {
    if (event.type === "finish") {
      // Held until the end: behind it nothing may follow.
      this.#reason = event.reason;
      return [];
    }
    const pieces = this.#pieces(event);
    if (pieces.length === 0 || this.#hasBegun) return pieces;
    this.#hasBegun = true;
    return [this.#delta(ROLE), ...pieces];
  }

  end(): ChunkChoice {
    // An answer without a word still has its role: clients look for it.
    const delta = this.#hasBegun ? {} : ROLE;
    return this.#choice({
      delta,
      logprobs: null,
      finish_reason: fromFinishReason(this.#reason, this.#hasRefusal),
    });
  }

  #pieces(event: Exclude<ChoiceEvent, { type: "finish" }>): ChunkChoice[] {
    switch (event.type) {
      case "text":
        this.#count(event);
        return [this.#delta({ content: event.delta })];
      case "refusal":
        this.#hasRefusal = true;
        return [this.#delta({ refusal: event.delta })];
      case "reasoning":
        this.#thought += event.delta;
        return [this.#delta({ reasoning_content: event.delta })];
      case "reasoning_end":
        return [this.#delta({ reasoning_details: [this.#endThought(event)] })];
      case "tool_call_begin":
        return [this.#delta({ tool_calls: [this.#beginCall(event)] })];
      case "tool_call_arguments": {
        const index = this.#calls.get(event.part) ?? 0;
        return [this.#delta({ tool_calls: [{ index, function: { arguments: event.delta } }] })];
      }
      case "annotation": {
        const annotation = toAnnotation(event.annotation, this.#charsBeforePart);
        return [this.#delta({ annotations: [annotation] })];
      }
      case "logprobs": {
        const isText = event.part === this.#textPart;
        const logprobs = {
          content: isText ? event.logprobs : null,
          refusal: isText ? null : event.logprobs,
        };
        return [this.#choice({ delta: {}, logprobs, finish_reason: null })];
      }
    }
  }

  /** All texts are one text here, in which annotations have their places. */
  #count({ part, delta }: Extract<ChoiceEvent, { type: "text" }>): void {
    if (part !== this.#textPart) this.#charsBeforePart = this.#textChars;
    this.#textPart = part;
    this.#textChars += delta.length;
  }

  /** Once more as a whole, with its seals: a client that sends it back needs them together. */
  #endThought(event: Extract<ChoiceEvent, { type: "reasoning_end" }>): JsonObject {
    const { choice: _, part: __, ...seals } = event;
    const part: ReasoningPart = { ...seals, type: "reasoning", text: this.#thought };
    this.#thought = "";
    return toReasoningDetail(part, this.#thoughts++);
  }

  #beginCall({
    part,
    id,
    name,
  }: Extract<ChoiceEvent, { type: "tool_call_begin" }>): ChatCompletionChunk.Choice.Delta.ToolCall {
    const index = this.#calls.size;
    this.#calls.set(part, index);
    return { index, id, type: "function", function: { name, arguments: "" } };
  }

  #delta(delta: Delta): ChunkChoice {
    return this.#choice({ delta, logprobs: null, finish_reason: null });
  }

  #choice(fields: Omit<ChunkChoice, "index">): ChunkChoice {
    return { index: this.#index, ...fields };
  }
}
