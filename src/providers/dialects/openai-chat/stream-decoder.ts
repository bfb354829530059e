/** The chunks of a chat stream → events. */
import type { JsonObject } from "../../../lib/json.ts";
import { readFrame } from "../../../lib/sse.ts";
import type { AnswerEvent } from "../../neutral/answer.ts";
import type { StreamDecoder } from "../dialect.ts";
import { ChoiceDecoder } from "./choice-decoder.ts";
import { ChunkFrames, isDone } from "./chunk-frames.ts";
import { factsIn, toUsage, usageIn } from "./decode-answer.ts";
import { errorIn, listIn, parseRecord } from "./wire.ts";

export class ChatStreamDecoder implements StreamDecoder {
  readonly #frames = new ChunkFrames();
  readonly #choices = new Map<number, ChoiceDecoder>();
  /** From which ids of calls are made where the provider gave none. */
  #id: string | undefined;
  #done = false;
  #brokeOff = false;

  get done(): boolean {
    return this.#done;
  }

  take(chunk: Uint8Array): AnswerEvent[] {
    return this.#frames.take(chunk).flatMap((frame) => this.#read(frame));
  }

  end(): AnswerEvent[] {
    const events = this.#frames.end().flatMap((frame) => this.#read(frame));
    if (!this.#done && !this.#brokeOff) events.push(...this.#finish());
    return events;
  }

  #read(bytes: Uint8Array): AnswerEvent[] {
    // Behind the end or an error, nothing belongs to the answer any more.
    if (this.#done || this.#brokeOff) return [];
    const frame = readFrame(bytes);
    if (isDone(frame)) {
      this.#done = true;
      return this.#finish();
    }
    const body = parseRecord(frame.data);
    const error = errorIn(frame, body);
    if (error !== undefined) {
      this.#brokeOff = true;
      return [{ type: "error", error }];
    }
    return body === undefined ? [] : this.#readChunk(body);
  }

  #readChunk(body: JsonObject): AnswerEvent[] {
    const choices = listIn(body["choices"]);
    const usage = toUsage(usageIn(body, choices));
    // Azure's first chunk is about its filters and has neither.
    if (choices.length === 0 && usage === undefined) return [];
    const events: AnswerEvent[] = [];
    if (this.#id === undefined) {
      const facts = factsIn(body);
      this.#id = facts.id ?? "";
      events.push({ type: "begin", ...facts });
    }
    for (const [at, wire] of choices.entries()) {
      const index = typeof wire["index"] === "number" ? wire["index"] : at;
      events.push(...this.#choice(index).take(wire));
    }
    if (usage !== undefined) events.push({ type: "usage", usage });
    return events;
  }

  #choice(index: number): ChoiceDecoder {
    const known = this.#choices.get(index);
    if (known !== undefined) return known;
    const choice = new ChoiceDecoder(index, `${this.#id}-${index}`);
    this.#choices.set(index, choice);
    return choice;
  }

  /** Reasons to end wait until here: some servers send them with several chunks, or before the last of the text. */
  #finish(): AnswerEvent[] {
    return [...this.#choices.values()].flatMap((choice) => choice.finish(this.#done));
  }
}
