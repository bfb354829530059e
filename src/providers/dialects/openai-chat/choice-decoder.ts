/** The deltas of one choice → events, with the parts that they belong to numbered. */
import { assert } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent } from "../../neutral/answer.ts";
import {
  argumentsIn,
  madeCallId,
  reasoningIn,
  textIn,
  toAnnotations,
  toLogprobs,
  wordsIn,
} from "./decode-answer.ts";
import { toFinishReason } from "./finish-reasons.ts";
import { readReasoningDetail } from "./reasoning-details.ts";
import { isRecord, listIn } from "./wire.ts";

type Spoken = "text" | "refusal" | "reasoning";

type Open = {
  type: Spoken;
  part: number;
  text: string;
  seals: JsonObject;
  /** Its index in `reasoning_details`, once it had one. */
  detail: number | undefined;
};

type Call = { id: string; name: string; part: number | undefined; waiting: string };

export class ChoiceDecoder {
  readonly #choice: number;
  readonly #place: string;
  #parts = 0;
  #open: Open | undefined;
  #lastText: number | undefined;
  #textChars = 0;
  #charsBeforeText = 0;
  #hasRefusal = false;
  /** By the `index` of the wire, which is not the number of the part. */
  readonly #calls = new Map<number, Call>();
  #callsBegun = 0;
  #finishReason: string | undefined;

  constructor(choice: number, place: string) {
    this.#choice = choice;
    this.#place = place;
  }

  take(wire: JsonObject): AnswerEvent[] {
    const delta = isRecord(wire["delta"]) ? wire["delta"] : {};
    const events = [
      ...this.#reasoning(delta),
      ...this.#said("text", wordsIn(delta)),
      ...this.#annotations(delta),
      ...this.#said("refusal", textIn(delta["refusal"])),
      ...this.#logprobs(wire["logprobs"]),
      ...listIn(delta["tool_calls"]).flatMap((call, at) => this.#call(call, at)),
    ];
    // Some providers send an empty one with every frame.
    const reason = textIn(wire["finish_reason"]);
    if (reason !== "") this.#finishReason = reason;
    return events;
  }

  /** `isWhole`: the stream said that it is at its end, so even a choice without a reason is. */
  finish(isWhole: boolean): AnswerEvent[] {
    if (this.#finishReason === undefined && !isWhole) return [];
    const unnamed = [...this.#calls.values()].filter(({ part }) => part === undefined);
    const reason = toFinishReason(this.#finishReason ?? "", {
      hasCalls: this.#calls.size > 0,
      hasWords: this.#lastText !== undefined,
      hasRefusal: this.#hasRefusal,
    });
    return [
      ...unnamed.flatMap((call) => this.#beginCall(call)),
      ...this.#close(),
      { type: "finish", choice: this.#choice, reason },
    ];
  }

  /** Where a chunk says them in both ways, the details say more. */
  #reasoning(delta: JsonObject): AnswerEvent[] {
    const details = listIn(delta["reasoning_details"]);
    if (details.length > 0) return details.flatMap((detail) => this.#detail(detail));
    const text = reasoningIn(delta);
    if (text === "") return [];
    // A thought that had its detail is over.
    const before = this.#open?.detail === undefined ? [] : this.#close();
    return [...before, ...this.#said("reasoning", text)];
  }

  /** A piece of a thought (pieces share an index), or the seals and once more the text of one that came as plain text. */
  #detail(wire: JsonObject): AnswerEvent[] {
    const { text, seals } = readReasoningDetail(wire);
    const index = typeof wire["index"] === "number" ? wire["index"] : (this.#open?.detail ?? 0);
    const open = this.#open?.type === "reasoning" ? this.#open : undefined;
    const isRepeated = open?.detail === undefined && (text === "" || text === open?.text);
    const isNew = open === undefined || (!isRepeated && open.detail !== index);
    const events = isNew ? [...this.#close(), ...this.#begin("reasoning")] : [];
    if (this.#open !== undefined) this.#open.detail = index;
    if (text !== "" && (isNew || !isRepeated)) events.push(this.#delta(text));
    Object.assign(this.#open?.seals ?? {}, seals);
    return events;
  }

  #said(type: Spoken, text: string): AnswerEvent[] {
    return text === "" ? [] : [...this.#begin(type), this.#delta(text)];
  }

  /** The events that end the part before; none where the same goes on. */
  #begin(type: Spoken): AnswerEvent[] {
    if (this.#open?.type === type) return [];
    const events = this.#close();
    this.#open = { type, part: this.#parts++, text: "", seals: {}, detail: undefined };
    if (type === "text") {
      this.#lastText = this.#open.part;
      this.#charsBeforeText = this.#textChars;
    }
    this.#hasRefusal ||= type === "refusal";
    return events;
  }

  #delta(delta: string): AnswerEvent {
    const open = this.#open;
    assert(open !== undefined, "a delta belongs to a part that has begun");
    if (open.type === "reasoning") open.text += delta;
    if (open.type === "text") this.#textChars += delta.length;
    return { type: open.type, choice: this.#choice, part: open.part, delta };
  }

  #close(): AnswerEvent[] {
    const open = this.#open;
    this.#open = undefined;
    if (open?.type !== "reasoning") return [];
    return [{ type: "reasoning_end", choice: this.#choice, part: open.part, ...open.seals }];
  }

  /** They come with the text or right behind it; anywhere else they begin one. */
  #annotations(delta: JsonObject): AnswerEvent[] {
    const found = toAnnotations(delta["annotations"], this.#charsBeforeText);
    if (found.length === 0) return [];
    const events = this.#begin("text");
    const part = this.#lastText ?? 0;
    for (const annotation of found) {
      events.push({ type: "annotation", choice: this.#choice, part, annotation });
    }
    return events;
  }

  #logprobs(wire: unknown): AnswerEvent[] {
    if (wire === null || wire === undefined || this.#open === undefined) return [];
    const { type, part } = this.#open;
    if (type === "reasoning") return [];
    const logprobs = toLogprobs(wire, type === "text" ? "content" : "refusal");
    return logprobs.length === 0
      ? []
      : [{ type: "logprobs", choice: this.#choice, part, logprobs }];
  }

  #call(wire: JsonObject, at: number): AnswerEvent[] {
    const called = isRecord(wire["function"]) ? wire["function"] : {};
    const index = typeof wire["index"] === "number" ? wire["index"] : at;
    const call = this.#callAt(index, textIn(wire["id"]));
    call.name ||= textIn(called["name"]);
    const text = argumentsIn(called["arguments"]);
    if (call.part !== undefined) return text === "" ? [] : [this.#arguments(call.part, text)];
    call.waiting += text;
    return call.name === "" ? [] : this.#beginCall(call);
  }

  /** Some servers number every call 0: another id is another call. */
  #callAt(index: number, id: string): Call {
    const known = this.#calls.get(index);
    if (known !== undefined && (id === "" || id === known.id)) return known;
    const made = id === "" ? madeCallId(this.#place, this.#callsBegun) : id;
    const call = { id: made, name: "", part: undefined, waiting: "" };
    this.#callsBegun += 1;
    this.#calls.set(index, call);
    return call;
  }

  #beginCall(call: Call): AnswerEvent[] {
    const events = this.#close();
    const part = this.#parts++;
    call.part = part;
    const { id, name, waiting } = call;
    events.push({ type: "tool_call_begin", choice: this.#choice, part, id, name });
    if (waiting !== "") events.push(this.#arguments(part, waiting));
    return events;
  }

  #arguments(part: number, delta: string): AnswerEvent {
    return { type: "tool_call_arguments", choice: this.#choice, part, delta };
  }
}
