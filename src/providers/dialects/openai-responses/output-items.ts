/** The kinds of output items, each with the events of its life: added, its pieces, done. */
import type { JsonObject } from "../../../lib/json.ts";
import type { TokenLogprob } from "../../neutral/answer.ts";
import type { WireEvent } from "./wire-events.ts";

export type Place = { id: string; outputIndex: number };
type ItemStatus = "in_progress" | "completed" | "incomplete";

export interface Item {
  readonly place: Place;
  status: ItemStatus;
  /** The item as far as it has come. */
  wire(): JsonObject;
  /** Ends the piece that is being told, if there is one. */
  endPart(): WireEvent[];
}

export function added(item: Item): WireEvent {
  return {
    type: "response.output_item.added",
    output_index: item.place.outputIndex,
    item: item.wire(),
  };
}

export function ended(item: Item, status: ItemStatus): WireEvent[] {
  const events = item.endPart();
  item.status = status;
  const output_index = item.place.outputIndex;
  return [...events, { type: "response.output_item.done", output_index, item: item.wire() }];
}

/** An event about a piece of an item. */
function eventOf({ id, outputIndex }: Place, type: string, fields: JsonObject): WireEvent {
  return { type, item_id: id, output_index: outputIndex, ...fields };
}

type Said = { type: "text" | "refusal"; part: number; text: string } & {
  logprobs: TokenLogprob[];
  annotations: JsonObject[];
};

export class MessageItem implements Item {
  readonly place: Place;
  status: ItemStatus = "in_progress";
  readonly #said: Said[] = [];
  #isPartOpen = false;

  constructor(place: Place) {
    this.place = place;
  }

  /** The neutral number of the part that is being said. */
  get openPart(): number | undefined {
    return this.#isPartOpen ? this.#said.at(-1)?.part : undefined;
  }

  wire(): JsonObject {
    return {
      id: this.place.id,
      type: "message",
      status: this.status,
      role: "assistant",
      content: this.#said.map(toWirePart),
    };
  }

  say(type: Said["type"], part: number, delta: string): WireEvent[] {
    const events: WireEvent[] = [];
    const said = this.#sayingOf(type, part, events);
    said.text += delta;
    const fields = { content_index: this.#said.length - 1, delta };
    events.push(
      type === "text"
        ? eventOf(this.place, "response.output_text.delta", { ...fields, logprobs: [] })
        : eventOf(this.place, "response.refusal.delta", fields),
    );
    return events;
  }

  #sayingOf(type: Said["type"], part: number, events: WireEvent[]): Said {
    const last = this.#said.at(-1);
    if (this.#isPartOpen && last?.part === part && last.type === type) return last;
    events.push(...this.endPart());
    const said: Said = { type, part, text: "", logprobs: [], annotations: [] };
    this.#said.push(said);
    this.#isPartOpen = true;
    events.push(
      eventOf(this.place, "response.content_part.added", {
        content_index: this.#said.length - 1,
        part: toWirePart(said),
      }),
    );
    return said;
  }

  /** They come behind the words that they belong to, so they come with an empty piece of text. */
  addLogprobs(told: readonly TokenLogprob[]): WireEvent[] {
    const said = this.#said.at(-1);
    if (said?.type !== "text") return [];
    const logprobs = told.map(withBytes);
    said.logprobs.push(...logprobs);
    const fields = { content_index: this.#said.length - 1, delta: "", logprobs };
    return [eventOf(this.place, "response.output_text.delta", fields)];
  }

  annotate(annotation: JsonObject): WireEvent[] {
    const said = this.#said.at(-1);
    if (said?.type !== "text") return [];
    said.annotations.push(annotation);
    return [
      eventOf(this.place, "response.output_text.annotation.added", {
        content_index: this.#said.length - 1,
        annotation_index: said.annotations.length - 1,
        annotation,
      }),
    ];
  }

  endPart(): WireEvent[] {
    const said = this.#said.at(-1);
    if (!this.#isPartOpen || said === undefined) return [];
    this.#isPartOpen = false;
    const content_index = this.#said.length - 1;
    const { text, logprobs } = said;
    return [
      said.type === "text"
        ? eventOf(this.place, "response.output_text.done", { content_index, text, logprobs })
        : eventOf(this.place, "response.refusal.done", { content_index, refusal: text }),
      eventOf(this.place, "response.content_part.done", { content_index, part: toWirePart(said) }),
    ];
  }
}

/** Never null in this API: they are those of the token's text where a provider does not say. */
function withBytes({ top_logprobs, ...likely }: TokenLogprob): TokenLogprob {
  const complete = <Likely extends Pick<TokenLogprob, "token" | "bytes">>(one: Likely) => ({
    ...one,
    bytes: one.bytes ?? [...Buffer.from(one.token)],
  });
  return { ...complete(likely), top_logprobs: top_logprobs.map(complete) };
}

function toWirePart({ type, text, logprobs, annotations }: Said): JsonObject {
  if (type === "refusal") return { type: "refusal", refusal: text };
  return { type: "output_text", text, annotations: [...annotations], logprobs: [...logprobs] };
}

/** Thoughts as the model had them, or, for a client that asked for a summary, told as one. */
export class ReasoningItem implements Item {
  readonly place: Place;
  status: ItemStatus = "in_progress";
  readonly part: number;
  readonly #isSummary: boolean;
  #text: string | undefined;
  #encrypted: string | undefined;
  #isPartOpen = false;

  constructor(place: Place, options: { part: number; isSummary: boolean }) {
    this.place = place;
    this.part = options.part;
    this.#isSummary = options.isSummary;
  }

  wire(): JsonObject {
    const parts = this.#text === undefined ? [] : [this.#wirePart()];
    return {
      id: this.place.id,
      type: "reasoning",
      status: this.status,
      summary: this.#isSummary ? parts : [],
      ...(this.#isSummary ? {} : { content: parts }),
      ...(this.#encrypted === undefined ? {} : { encrypted_content: this.#encrypted }),
    };
  }

  think(delta: string): WireEvent[] {
    const events: WireEvent[] = [];
    if (this.#text === undefined) {
      this.#text = "";
      this.#isPartOpen = true;
      events.push(this.#partEvent("added"));
    }
    this.#text += delta;
    const fields = { ...this.#index(), delta };
    events.push(eventOf(this.place, `${this.#textEvent()}.delta`, fields));
    return events;
  }

  seal(encrypted: string): void {
    this.#encrypted = encrypted;
  }

  endPart(): WireEvent[] {
    if (!this.#isPartOpen) return [];
    this.#isPartOpen = false;
    const fields = { ...this.#index(), text: this.#text };
    return [eventOf(this.place, `${this.#textEvent()}.done`, fields), this.#partEvent("done")];
  }

  #wirePart(): JsonObject {
    return { type: this.#isSummary ? "summary_text" : "reasoning_text", text: this.#text ?? "" };
  }

  #index(): JsonObject {
    return this.#isSummary ? { summary_index: 0 } : { content_index: 0 };
  }

  #textEvent(): string {
    return this.#isSummary ? "response.reasoning_summary_text" : "response.reasoning_text";
  }

  #partEvent(what: "added" | "done"): WireEvent {
    const kind = this.#isSummary ? "reasoning_summary_part" : "content_part";
    return eventOf(this.place, `response.${kind}.${what}`, {
      ...this.#index(),
      part: this.#wirePart(),
    });
  }
}

export class CallItem implements Item {
  readonly place: Place;
  status: ItemStatus = "in_progress";
  readonly part: number;
  readonly #callId: string;
  readonly #name: string;
  #arguments = "";

  constructor(place: Place, call: { part: number; id: string; name: string }) {
    this.place = place;
    this.part = call.part;
    this.#callId = call.id;
    this.#name = call.name;
  }

  wire(): JsonObject {
    return {
      id: this.place.id,
      type: "function_call",
      status: this.status,
      arguments: this.#arguments,
      call_id: this.#callId,
      name: this.#name,
    };
  }

  argue(delta: string): WireEvent[] {
    this.#arguments += delta;
    return [eventOf(this.place, "response.function_call_arguments.delta", { delta })];
  }

  endPart(): WireEvent[] {
    const fields = { arguments: this.#arguments };
    return [eventOf(this.place, "response.function_call_arguments.done", fields)];
  }
}
