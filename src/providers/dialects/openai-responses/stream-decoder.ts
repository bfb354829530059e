/**
 * The events of a Responses stream → neutral events. Some servers leave out the deltas and say all at the end of an
 * item: what an item's end has more than its deltas is told then.
 */
import type { JsonObject } from "../../../lib/json.ts";
import { readFrame } from "../../../lib/sse.ts";
import type { AnswerEvent } from "../../neutral/answer.ts";
import type { StreamDecoder } from "../dialect.ts";
import { ChunkFrames, isDone } from "../openai-chat/chunk-frames.ts";
import { isRecord, parseRecord } from "../openai-chat/wire.ts";
import { factsIn, type Kinds, reasonOf } from "./decode-answer.ts";
import { errorIn, isTerminal } from "./events.ts";
import { OutputDecoder } from "./output-decoder.ts";
import { usageOf } from "./usage.ts";

export class ResponsesStreamDecoder implements StreamDecoder {
  readonly #frames = new ChunkFrames();
  readonly #output = new OutputDecoder();
  #hasBegun = false;
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

  #read(bytes: Uint8Array): AnswerEvent[] {
    // Behind the end or an error, nothing belongs to the answer any more.
    if (this.#done || this.#brokeOff) return [];
    const frame = readFrame(bytes);
    if (isDone(frame)) return [];
    const event = parseRecord(frame.data);
    const error = errorIn(frame, event);
    if (error !== undefined) {
      this.#brokeOff = true;
      return [{ type: "error", error }];
    }
    return event === undefined ? [] : this.#readEvent(event);
  }

  #readEvent(event: JsonObject): AnswerEvent[] {
    const response = isRecord(event["response"]) ? event["response"] : undefined;
    if (response === undefined) return this.#output.take(event);
    const events = this.#begin(response);
    if (isTerminal(event["type"])) events.push(...this.#finish(response));
    return events;
  }

  #begin(response: JsonObject): AnswerEvent[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [{ type: "begin", ...factsIn(response) }];
  }

  #finish(response: JsonObject): AnswerEvent[] {
    this.#done = true;
    const events = this.#output.finish(response["output"]);
    const kinds: Kinds = this.#output.kinds;
    events.push({ type: "finish", choice: 0, reason: reasonOf(response, kinds) });
    const usage = usageOf(response);
    if (usage !== undefined) events.push({ type: "usage", usage });
    return events;
  }
}
