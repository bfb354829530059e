import { joinNeighbours } from "../../../lib/sse.ts";
import type { AnswerReader } from "../../exchange.ts";
import type { ReadUsage } from "../../neutral/answer.ts";
import { isRecord, tokensForBytes } from "../openai-chat/wire.ts";
import { textIn } from "./decode-answer.ts";
import { EventFrames, errorOf, readEvent } from "./event-frames.ts";
import { mergeUsage, tellsOutput, toUsage } from "./usage.ts";

const STOP = new TextEncoder().encode('event: message_stop\ndata: {"type":"message_stop"}\n\n');

/**
 * Watches the bytes of a message's stream on their way to the client: they pass untouched, and what settlement needs is
 * read beside them. Never sent on: `message_stop`, which waits for the usage record to be synced, and an error, which
 * may name the provider's address.
 */
export class MessageTap implements AnswerReader {
  readonly #frames = new EventFrames();
  #heldStop: Uint8Array | undefined;
  #usage: Record<string, unknown> | undefined;
  #toldOutput = false;
  #error: unknown;
  #finished = false;
  #hasBegun = false;
  #framesWithText = 0;
  #textBytes = 0;

  get done(): boolean {
    return this.#heldStop !== undefined;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get error(): unknown {
    return this.#error;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Until the end is told, what the beginning says of the output is not meant. */
  get usage(): ReadUsage | undefined {
    return this.#finished && !this.#toldOutput ? undefined : toUsage(this.#usage);
  }

  take(chunk: Uint8Array): Uint8Array[] {
    return joinNeighbours(this.#frames.take(chunk).filter((frame) => this.#passes(frame)));
  }

  end(): Uint8Array[] {
    return this.#frames.end().filter((frame) => this.#passes(frame));
  }

  closing(): Uint8Array {
    return this.#heldStop ?? STOP;
  }

  /** An estimate: no fewer than frames with text, or than its bytes tell. */
  countedOutputTokens(): number {
    return Math.max(this.#framesWithText, tokensForBytes(this.#textBytes));
  }

  #passes(frame: Uint8Array): boolean {
    const event = readEvent(frame);
    if (event?.type === "message_stop") {
      this.#heldStop ??= frame;
      return false;
    }
    if (event?.type === "error") this.#error ??= errorOf(event);
    // Behind the end or an error, nothing belongs to the answer any more.
    if (this.done || this.#error !== undefined) return false;
    if (event !== undefined) this.#read(event);
    return true;
  }

  #read(event: Record<string, unknown> & { type: string }): void {
    const { delta, message, content_block: block } = event;
    if (event.type.startsWith("content_block_")) this.#hasBegun = true;
    if (event.type === "message_start" && isRecord(message)) {
      this.#usage = mergeUsage(this.#usage, message["usage"]);
    }
    if (event.type === "message_delta") {
      this.#usage = mergeUsage(this.#usage, event["usage"]);
      this.#toldOutput ||= tellsOutput(event["usage"]);
      if (isRecord(delta) && textIn(delta["stop_reason"]) !== "") this.#finished = true;
    }
    this.#count(isRecord(delta) ? textBytesOf(delta) : isRecord(block) ? textBytesOf(block) : 0);
  }

  #count(bytes: number): void {
    if (bytes > 0) this.#framesWithText += 1;
    this.#textBytes += bytes;
  }
}

/** What the model has written of a block or of a piece of one. Seals are not of its writing. */
export function textBytesOf(block: Record<string, unknown>): number {
  const { text, thinking, partial_json, name, input } = block;
  const texts = [text, thinking, partial_json, name].map(textIn);
  if (isRecord(input) && Object.keys(input).length > 0) texts.push(JSON.stringify(input));
  return texts.reduce((sum, one) => sum + Buffer.byteLength(one), 0);
}
