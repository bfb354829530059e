/**
 * Neutral answers as bytes: what a `NeutralUpstream` answers with, so that the gateway times, drains and cuts it like
 * any other answer. A stream has one event in each frame (`data: {"type":"text",…}`) and ends with `[DONE]`.
 */
import type { JsonObject } from "../../lib/json.ts";
import { dataFrame, readFrame, SseFrameTooLarge, SseSplitter } from "../../lib/sse.ts";
import type { StreamDecoder } from "../dialects/dialect.ts";
import type { AnswerEvent, NeutralAnswer } from "./answer.ts";
import { malformedStream } from "./malformed-stream.ts";

/** They come from this process; a bound all the same. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const END = "[DONE]";

export const eventFrame = (event: AnswerEvent): Uint8Array => dataFrame(JSON.stringify(event));
export const endFrame = (): Uint8Array => dataFrame(END);

/** What is written by our own code is not checked again. */
export const decodeNeutralAnswer = (body: JsonObject): NeutralAnswer => body as NeutralAnswer;

export class NeutralStreamDecoder implements StreamDecoder {
  readonly #splitter = new SseSplitter({ frameBytesMax: FRAME_BYTES_MAX });
  #done = false;

  get done(): boolean {
    return this.#done;
  }

  take(chunk: Uint8Array): AnswerEvent[] {
    try {
      return this.#splitter.take(chunk).flatMap((frame) => this.#read(frame));
    } catch (cause) {
      if (!(cause instanceof SseFrameTooLarge)) throw cause;
      throw malformedStream("a frame that is too large", cause);
    }
  }

  /** A frame that is cut off was not the end. */
  end(): AnswerEvent[] {
    return [];
  }

  #read(frame: Uint8Array): AnswerEvent[] {
    const { data } = readFrame(frame);
    if (this.#done || data === undefined) return [];
    if (data !== END) return [JSON.parse(data) as AnswerEvent];
    this.#done = true;
    return [];
  }
}
