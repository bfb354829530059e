import type { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { joinNeighbours, readFrame } from "../../../lib/sse.ts";
import type { AnswerReader } from "../../exchange.ts";
import type { ReadUsage } from "../../neutral/answer.ts";
import { countedTokensOf, tokensForBytes } from "../../neutral/counted-output.ts";
import { ChunkFrames, isDone } from "../openai-chat/chunk-frames.ts";
import { isRecord, parseRecord } from "../openai-chat/wire.ts";
import { decodeAnswer } from "./decode-answer.ts";
import { errorEvent, responseError } from "./errors.ts";
import { errorIn, isTerminal } from "./events.ts";
import { usageOf } from "./usage.ts";
import { toFrame } from "./wire-events.ts";

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/**
 * Watches the bytes of a Responses stream on their way to the client: they pass untouched, those of events that
 * nobody here knows as well. Held back: the event that ends the response, until the usage record is synced. Never sent
 * on: errors, which may name the provider's address.
 */
export class ResponsesTap implements AnswerReader {
  readonly #frames = new ChunkFrames();
  #heldEnd: Uint8Array | undefined;
  #usage: ReadUsage | undefined;
  #error: unknown;
  #hasBegun = false;
  #eventsWithText = 0;
  #textBytes = 0;
  #tokensAtTheEnd = 0;
  /** What an error in the middle must know. */
  #response: JsonObject | undefined;
  #nextNumber = 0;

  /** Saw the event that ends the response: nothing that follows belongs to it. */
  get done(): boolean {
    return this.#heldEnd !== undefined;
  }

  get finished(): boolean {
    return this.done;
  }

  get usage(): ReadUsage | undefined {
    return this.#usage;
  }

  get error(): unknown {
    return this.#error;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  take(chunk: Uint8Array): Uint8Array[] {
    return joinNeighbours(this.#frames.take(chunk).filter((frame) => this.#passes(frame)));
  }

  end(): Uint8Array[] {
    return joinNeighbours(this.#frames.end().filter((frame) => this.#passes(frame)));
  }

  closing(): Uint8Array {
    return this.#heldEnd ?? NOTHING;
  }

  failing(failure: Failure): Uint8Array {
    const numbered = (event: JsonObject & { type: string }) => {
      const { type, ...fields } = event;
      return toFrame({ type, sequence_number: this.#nextNumber++, ...fields });
    };
    const error = numbered(errorEvent(failure));
    if (this.#response === undefined) return encoder.encode(error);
    const response = { ...this.#response, status: "failed", error: responseError(failure) };
    return encoder.encode(error + numbered({ type: "response.failed", response }));
  }

  /** No fewer than events with text, or than its bytes tell. */
  countedOutputTokens(): number {
    const tokens = tokensForBytes(this.#textBytes);
    return Math.max(this.#eventsWithText, tokens, this.#tokensAtTheEnd);
  }

  #passes(bytes: Uint8Array): boolean {
    // Behind the end or an error, nothing belongs to the answer any more.
    if (this.done || this.#error !== undefined) return false;
    const frame = readFrame(bytes);
    if (isDone(frame)) return false;
    // A malformed frame tells nothing here; it is passed on for the client to see.
    const event = parseRecord(frame.data);
    this.#error = errorIn(frame, event);
    if (this.#error !== undefined) return false;
    return event === undefined || this.#read(event, bytes);
  }

  #read(event: JsonObject, bytes: Uint8Array): boolean {
    const { response, sequence_number: number, delta } = event;
    if (typeof number === "number") this.#nextNumber = number + 1;
    if (isRecord(response)) {
      this.#response ??= response;
      if (!isTerminal(event["type"])) return true;
      this.#end(response, bytes);
      return false;
    }
    this.#hasBegun = true;
    if (typeof delta === "string" && delta !== "") {
      this.#eventsWithText += 1;
      this.#textBytes += Buffer.byteLength(delta);
    }
    return true;
  }

  #end(response: JsonObject, bytes: Uint8Array): void {
    // Copied: the view may lie in a chunk that is long gone by the time it is sent.
    this.#heldEnd = bytes.slice();
    this.#usage = usageOf(response);
    // Some servers leave the deltas out.
    if (this.#textBytes === 0) this.#tokensAtTheEnd = countedTokensOf(decodeAnswer(response));
  }
}
