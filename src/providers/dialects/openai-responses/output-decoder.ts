/** The events about output items → the parts of the answer, numbered as they begin. */
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent } from "../../neutral/answer.ts";
import { argumentsIn, textIn } from "../openai-chat/decode-answer.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";
import {
  BETWEEN_THOUGHTS,
  callIn,
  type Kinds,
  logprobsIn,
  sealsIn,
  toAnnotation,
} from "./decode-answer.ts";

type Spoken = "text" | "refusal" | "reasoning";
/** `said` is what was told of it so far. */
type Part = { type: Spoken | "tool_call"; part: number; said: string };

export class OutputDecoder {
  /** By the place on the wire: the item, and what of it. */
  readonly #parts = new Map<string, Part>();
  readonly #endedItems = new Set<number>();
  /** The piece of a thought that came last: pieces of one item are one part here. */
  #lastThought = "";
  #begun = 0;
  readonly kinds: Kinds = { hasCalls: false, hasWords: false, hasRefusal: false };

  /** One event of the wire. Those that nothing is known of say nothing to another dialect. */
  take(event: JsonObject): AnswerEvent[] {
    const index = indexOf(event["output_index"]);
    const content = indexOf(event["content_index"]);
    const delta = textIn(event["delta"]);
    switch (event["type"]) {
      case "response.output_item.added":
        return this.#beginItem(index, itemIn(event));
      case "response.output_item.done":
        return this.#endItem(index, itemIn(event));
      case "response.output_text.delta":
        return [
          ...this.#say("text", `${index}/${content}`, delta),
          ...this.#logprobs(`${index}/${content}`, event["logprobs"]),
        ];
      case "response.output_text.annotation.added":
        return this.#annotation(`${index}/${content}`, event["annotation"]);
      case "response.refusal.delta":
        return this.#say("refusal", `${index}/${content}`, delta);
      case "response.reasoning_text.delta":
        return this.#think(index, `content ${content}`, delta);
      case "response.reasoning_summary_text.delta":
        return this.#think(index, `summary ${indexOf(event["summary_index"])}`, delta);
      case "response.function_call_arguments.delta":
        return this.#argue(index, delta);
      default:
        return [];
    }
  }

  /** The whole output, where no event has told anything of it. */
  finish(output: unknown): AnswerEvent[] {
    if (this.#begun > 0 || this.#endedItems.size > 0) return [];
    return listIn(output).flatMap((item, index) => this.#endItem(index, item));
  }

  #beginItem(index: number, item: JsonObject): AnswerEvent[] {
    return item["type"] === "function_call" ? this.#beginCall(index, item) : [];
  }

  #beginCall(index: number, item: JsonObject): AnswerEvent[] {
    const place = `${index}/call`;
    const { id, name } = callIn(item);
    if (this.#parts.has(place) || name === "") return [];
    const { part } = this.#open("tool_call", place);
    this.kinds.hasCalls = true;
    return [{ type: "tool_call_begin", choice: 0, part, id, name }];
  }

  #endItem(index: number, item: JsonObject): AnswerEvent[] {
    if (this.#endedItems.has(index)) return [];
    this.#endedItems.add(index);
    switch (item["type"]) {
      case "message":
        return listIn(item["content"]).flatMap((part, at) => this.#restOf(`${index}/${at}`, part));
      case "function_call":
        return [
          ...this.#beginCall(index, item),
          ...this.#argue(index, this.#unsaid(`${index}/call`, argumentsIn(item["arguments"]))),
        ];
      case "reasoning":
        return this.#endThought(index, item);
      default:
        return [];
    }
  }

  #restOf(place: string, part: JsonObject): AnswerEvent[] {
    if (part["type"] === "refusal") {
      return this.#say("refusal", place, this.#unsaid(place, textIn(part["refusal"])));
    }
    if (part["type"] !== "output_text") return [];
    const wasSaid = this.#parts.has(place);
    const events = this.#say("text", place, this.#unsaid(place, textIn(part["text"])));
    if (wasSaid) return events;
    return [
      ...events,
      ...this.#logprobs(place, part["logprobs"]),
      ...listIn(part["annotations"]).flatMap((wire) => this.#annotation(place, wire)),
    ];
  }

  #endThought(index: number, item: JsonObject): AnswerEvent[] {
    const place = `${index}/thought`;
    const events: AnswerEvent[] = [];
    if (!this.#parts.has(place)) {
      for (const [at, { text }] of listIn(item["summary"]).entries()) {
        events.push(...this.#think(index, `summary ${at}`, textIn(text)));
      }
      for (const [at, { text }] of listIn(item["content"]).entries()) {
        events.push(...this.#think(index, `content ${at}`, textIn(text)));
      }
    }
    const { part } = this.#open("reasoning", place);
    events.push({ type: "reasoning_end", choice: 0, part, ...sealsIn(item) });
    return events;
  }

  #think(index: number, piece: string, delta: string): AnswerEvent[] {
    const place = `${index}/thought`;
    const thought = `${index} ${piece}`;
    const isNext = this.#parts.has(place) && this.#lastThought !== thought;
    if (delta !== "") this.#lastThought = thought;
    return this.#say("reasoning", place, isNext && delta !== "" ? BETWEEN_THOUGHTS + delta : delta);
  }

  #argue(index: number, delta: string): AnswerEvent[] {
    const call = this.#parts.get(`${index}/call`);
    if (call === undefined || delta === "") return [];
    call.said += delta;
    return [{ type: "tool_call_arguments", choice: 0, part: call.part, delta }];
  }

  #say(type: Spoken, place: string, delta: string): AnswerEvent[] {
    if (delta === "") return [];
    const open = this.#open(type, place);
    open.said += delta;
    if (type === "text") this.kinds.hasWords = true;
    if (type === "refusal") this.kinds.hasRefusal = true;
    return [{ type, choice: 0, part: open.part, delta }];
  }

  #logprobs(place: string, wire: unknown): AnswerEvent[] {
    const part = this.#parts.get(place)?.part;
    const logprobs = logprobsIn(wire);
    if (part === undefined || logprobs.length === 0) return [];
    return [{ type: "logprobs", choice: 0, part, logprobs }];
  }

  #annotation(place: string, wire: unknown): AnswerEvent[] {
    const part = this.#parts.get(place)?.part;
    if (part === undefined || !isRecord(wire)) return [];
    return toAnnotation(wire).map((annotation) => ({
      type: "annotation",
      choice: 0,
      part,
      annotation,
    }));
  }

  /** The end of what the deltas have told; nothing where they told something else. */
  #unsaid(place: string, whole: string): string {
    const said = this.#parts.get(place)?.said ?? "";
    return whole.startsWith(said) ? whole.slice(said.length) : "";
  }

  #open(type: Part["type"], place: string): Part {
    const known = this.#parts.get(place);
    if (known !== undefined) return known;
    const part = { type, part: this.#begun++, said: "" };
    this.#parts.set(place, part);
    return part;
  }
}

const indexOf = (value: unknown): number => (typeof value === "number" ? value : 0);

const itemIn = ({ item }: JsonObject): JsonObject => (isRecord(item) ? item : {});
