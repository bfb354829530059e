/** The events of a message's stream → neutral events. */
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent } from "../../neutral/answer.ts";
import type { StreamDecoder } from "../dialect.ts";
import { isRecord } from "../openai-chat/wire.ts";
import { factsIn, finishIn, textIn, toAnnotation, toReasoning } from "./decode-answer.ts";
import { EventFrames, errorOf, readEvent } from "./event-frames.ts";
import { mergeUsage, tellsOutput, toUsage } from "./usage.ts";

/** What a block has said so far that is told at its end. */
type OpenBlock = { block: JsonObject; part: number; seal: string; hasInput: boolean };

export class MessageStreamDecoder implements StreamDecoder {
  readonly #frames = new EventFrames();
  readonly #open = new Map<unknown, OpenBlock>();
  #parts = 0;
  #usage: JsonObject | undefined;
  #done = false;
  #brokeOff = false;

  get done(): boolean {
    return this.#done;
  }

  take(chunk: Uint8Array): AnswerEvent[] {
    return this.#frames.take(chunk).flatMap((frame) => this.#read(frame));
  }

  end(): AnswerEvent[] {
    return this.#frames.end().flatMap((frame) => this.#read(frame));
  }

  #read(frame: Uint8Array): AnswerEvent[] {
    // Behind the end or an error, nothing belongs to the answer any more.
    if (this.#done || this.#brokeOff) return [];
    const event = readEvent(frame);
    switch (event?.type) {
      case "message_start":
        return this.#begin(event);
      case "content_block_start":
        return this.#beginBlock(event);
      case "content_block_delta":
        return this.#delta(event);
      case "content_block_stop":
        return this.#endBlock(event["index"]);
      case "message_delta":
        return this.#finish(event);
      case "message_stop":
        this.#done = true;
        return [];
      case "error":
        this.#brokeOff = true;
        return [{ type: "error", error: errorOf(event) }];
      default:
        return [];
    }
  }

  #begin({ message }: JsonObject): AnswerEvent[] {
    if (!isRecord(message)) return [{ type: "begin" }];
    this.#usage = mergeUsage(this.#usage, message["usage"]);
    return [{ type: "begin", ...factsIn(message) }];
  }

  #beginBlock({ index, content_block: block }: JsonObject): AnswerEvent[] {
    if (!isRecord(block)) return [];
    const part = this.#parts++;
    const open = { block, part, seal: textIn(block["signature"]), hasInput: false };
    this.#open.set(index, open);
    switch (block["type"]) {
      case "text":
        return said("text", part, block["text"]);
      case "thinking":
        return said("reasoning", part, block["thinking"]);
      case "tool_use": {
        const [id, name] = [textIn(block["id"]), textIn(block["name"])];
        const begin: AnswerEvent = { type: "tool_call_begin", choice: 0, part, id, name };
        const input = wholeInput(block["input"], part);
        open.hasInput = input.length > 0;
        return [begin, ...input];
      }
      default:
        return [];
    }
  }

  #delta({ index, delta }: JsonObject): AnswerEvent[] {
    const open = this.#open.get(index);
    if (open === undefined || !isRecord(delta)) return [];
    const { part } = open;
    switch (delta["type"]) {
      case "text_delta":
        return said("text", part, delta["text"]);
      case "thinking_delta":
        return said("reasoning", part, delta["thinking"]);
      case "signature_delta":
        open.seal += textIn(delta["signature"]);
        return [];
      case "input_json_delta": {
        if (open.block["type"] !== "tool_use") return [];
        const input = said("tool_call_arguments", part, delta["partial_json"]);
        open.hasInput ||= input.length > 0;
        return input;
      }
      case "citations_delta":
        return (isRecord(delta["citation"]) ? toAnnotation(delta["citation"]) : []).map(
          (annotation) => ({ type: "annotation", choice: 0, part, annotation }),
        );
      default:
        return [];
    }
  }

  #endBlock(index: unknown): AnswerEvent[] {
    const open = this.#open.get(index);
    this.#open.delete(index);
    const type = open?.block["type"];
    // A tool without parameters is called without a word of them, and they are an object all the same.
    if (type === "tool_use" && open?.hasInput === false) {
      return said("tool_call_arguments", open.part, "{}");
    }
    if (open === undefined || (type !== "thinking" && type !== "redacted_thinking")) return [];
    const { type: _, text: __, ...seals } = toReasoning({ ...open.block, signature: open.seal });
    return [{ type: "reasoning_end", choice: 0, part: open.part, ...seals }];
  }

  /** Some servers send it more than once; only the last says why it ended. */
  #finish({ delta, usage }: JsonObject): AnswerEvent[] {
    this.#usage = mergeUsage(this.#usage, usage);
    const read = tellsOutput(usage) ? toUsage(this.#usage) : undefined;
    const events: AnswerEvent[] = read === undefined ? [] : [{ type: "usage", usage: read }];
    if (isRecord(delta) && textIn(delta["stop_reason"]) !== "") {
      events.push({ type: "finish", choice: 0, ...finishIn(delta) });
    }
    return events;
  }
}

function said(
  type: "text" | "reasoning" | "tool_call_arguments",
  part: number,
  delta: unknown,
): AnswerEvent[] {
  const text = textIn(delta);
  return text === "" ? [] : [{ type, choice: 0, part, delta: text }];
}

/** An input comes in pieces. Some servers send it whole with the beginning. */
function wholeInput(input: unknown, part: number): AnswerEvent[] {
  if (!isRecord(input) || Object.keys(input).length === 0) return [];
  return said("tool_call_arguments", part, JSON.stringify(input));
}
