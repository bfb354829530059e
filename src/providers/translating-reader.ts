import type { Failure } from "../lib/errors.ts";
import type { StreamDecoder, StreamEncoder } from "./dialects/dialect.ts";
import type { AnswerReader } from "./exchange.ts";
import type { AnswerEvent, ReadUsage } from "./neutral/answer.ts";
import { textBytesOfEvent, tokensForBytes } from "./neutral/counted-output.ts";
import { EventOrder } from "./neutral/event-order.ts";

const utf8 = new TextEncoder();

/** A stream of one dialect on its way to a client of another. */
export class TranslatingReader implements AnswerReader {
  readonly #decoder: StreamDecoder;
  readonly #encoder: StreamEncoder;
  readonly failing?: (failure: Failure, requestId: string) => Uint8Array;
  readonly #order = new EventOrder();
  #usage: ReadUsage | undefined;
  #error: unknown;
  #finished = false;
  #hasBegun = false;
  #eventsWithText = 0;
  #textBytes = 0;

  constructor(decoder: StreamDecoder, encoder: StreamEncoder) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    if (encoder.failing !== undefined) {
      this.failing = (failure, requestId) =>
        utf8.encode(encoder.failing?.(failure, requestId) ?? "");
    }
  }

  get done(): boolean {
    return this.#decoder.done;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get error(): unknown {
    return this.#error;
  }

  get usage(): ReadUsage | undefined {
    return this.#usage;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  take(chunk: Uint8Array): Uint8Array[] {
    return this.#send(this.#decoder.take(chunk));
  }

  end(): Uint8Array[] {
    return this.#send(this.#decoder.end());
  }

  closing(): Uint8Array {
    return utf8.encode(this.#encoder.closing());
  }

  countedOutputTokens(): number {
    return Math.max(this.#eventsWithText, tokensForBytes(this.#textBytes));
  }

  #send(events: readonly AnswerEvent[]): Uint8Array[] {
    let text = "";
    for (const event of events) {
      // Behind an error, nothing belongs to the answer any more.
      if (this.#error !== undefined) break;
      this.#order.check(event);
      this.#note(event);
      if (event.type !== "error") text += this.#encoder.take(event);
    }
    return text === "" ? [] : [utf8.encode(text)];
  }

  #note(event: AnswerEvent): void {
    if (event.type === "usage") this.#usage = event.usage;
    else if (event.type === "error") this.#error = event.error;
    else if (event.type === "finish") this.#finished = true;
    const bytes = textBytesOfEvent(event);
    if (bytes > 0) this.#eventsWithText += 1;
    this.#textBytes += bytes;
    this.#hasBegun ||= bytes > 0 || event.type === "reasoning_end" || event.type === "finish";
  }
}
