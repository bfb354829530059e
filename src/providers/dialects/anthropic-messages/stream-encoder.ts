/** Neutral events → the events of a message's stream, for a client. */
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent, AnswerFacts, ReadUsage } from "../../neutral/answer.ts";
import { textBytesOfEvent, tokensForBytes } from "../../neutral/counted-output.ts";
import type { StreamEncoder } from "../dialect.ts";
import { countedOnly, hidesThoughts, messageHead, toCitation } from "./encode-answer.ts";
import { fromFinishReason } from "./stop-reasons.ts";
import { toThinking } from "./thinking-blocks.ts";
import { writeUsage } from "./usage.ts";

/** The block that is being sent. `text` of thoughts is kept: their seal may have to carry it. */
type Open = { part: number; index: number; isText: boolean; text: string };
type PartEvent = Extract<AnswerEvent, { part: number }>;

export class MessageStreamEncoder implements StreamEncoder {
  readonly #facts: AnswerFacts;
  readonly #isOmitted: boolean;
  #hasBegun = false;
  #blocks = 0;
  #open: Open | undefined;
  #finish: Extract<AnswerEvent, { type: "finish" }> | undefined;
  #usage: ReadUsage | undefined;
  #textBytes = 0;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
    this.#isOmitted = hidesThoughts(facts);
  }

  take(event: AnswerEvent): string {
    switch (event.type) {
      case "begin":
        return this.#begin(event);
      case "finish":
        this.#finish = event;
        return "";
      case "usage":
        this.#usage = event.usage;
        return "";
      case "error":
      case "logprobs":
        return "";
      default:
        this.#textBytes += textBytesOfEvent(event);
        return this.#begin({}) + this.#part(event);
    }
  }

  closing(): string {
    const { reason = "other", stopSequence } = this.#finish ?? {};
    const quantities = this.#usage?.quantities ?? countedOnly(tokensForBytes(this.#textBytes));
    const delta = {
      stop_reason: fromFinishReason(reason, stopSequence),
      stop_sequence: stopSequence ?? null,
    };
    return [
      this.#begin({}),
      this.#closeBlock(),
      frame("message_delta", { delta, usage: writeUsage(quantities) }),
      frame("message_stop", {}),
    ].join("");
  }

  /** Usage is known at the end; until then nothing has been counted. */
  #begin(head: { id?: string; model?: string }): string {
    if (this.#hasBegun) return "";
    this.#hasBegun = true;
    const message = {
      ...messageHead(head, this.#facts),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: writeUsage({}),
    };
    return frame("message_start", { message });
  }

  #part(event: Exclude<PartEvent, { type: "logprobs" }>): string {
    switch (event.type) {
      case "text":
      case "refusal":
        return (
          this.#into(event, { type: "text", text: "", citations: null }) +
          this.#delta({ type: "text_delta", text: event.delta })
        );
      case "annotation":
        return (
          this.#into(event, { type: "text", text: "", citations: null }) +
          this.#delta({ type: "citations_delta", citation: toCitation(event.annotation) })
        );
      case "reasoning":
        return this.#think(event);
      case "reasoning_end":
        return this.#endThinking(event);
      case "tool_call_begin": {
        const { id, name } = event;
        return this.#into(event, { type: "tool_use", id, name, input: {} });
      }
      case "tool_call_arguments":
        return this.#delta({ type: "input_json_delta", partial_json: event.delta });
    }
  }

  #think(event: Extract<PartEvent, { type: "reasoning" }>): string {
    const begun = this.#into(event, { type: "thinking", thinking: "", signature: "" });
    if (this.#open !== undefined) this.#open.text += event.delta;
    if (this.#isOmitted) return begun;
    return begun + this.#delta({ type: "thinking_delta", thinking: event.delta });
  }

  #endThinking(event: Extract<PartEvent, { type: "reasoning_end" }>): string {
    const { type: _, choice: __, part, ...seals } = event;
    const isOpen = this.#open?.part === part;
    const text = isOpen ? (this.#open?.text ?? "") : "";
    const block = toThinking({ type: "reasoning", text, ...seals }, { isOmitted: this.#isOmitted });
    if (block["type"] === "redacted_thinking") return this.#into(event, block) + this.#closeBlock();
    const begun = this.#into(event, { type: "thinking", thinking: "", signature: "" });
    const signed = this.#delta({ type: "signature_delta", signature: block["signature"] });
    return begun + signed + this.#closeBlock();
  }

  /** Begins the block of the event's part, where it has not begun yet. */
  #into({ part }: PartEvent, block: JsonObject): string {
    if (this.#open?.part === part) return "";
    const closed = this.#closeBlock();
    const index = this.#blocks++;
    this.#open = { part, index, isText: block["type"] === "text", text: "" };
    return closed + frame("content_block_start", { index, content_block: block });
  }

  #delta(delta: JsonObject): string {
    return frame("content_block_delta", { index: this.#open?.index ?? 0, delta });
  }

  #closeBlock(): string {
    const open = this.#open;
    this.#open = undefined;
    return open === undefined ? "" : frame("content_block_stop", { index: open.index });
  }
}

const frame = (type: string, body: JsonObject): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
