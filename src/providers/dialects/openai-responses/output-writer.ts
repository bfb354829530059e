/**
 * Neutral events → the output items of a response, and the events that tell how each comes to be. Nothing is numbered
 * here: a stream does that.
 */

import { assert } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import type { Annotation, AnswerEvent } from "../../neutral/answer.ts";
import { wrapSeal } from "../../neutral/seal.ts";
import {
  added,
  CallItem,
  ended,
  type Item,
  MessageItem,
  type Place,
  ReasoningItem,
} from "./output-items.ts";
import type { WireEvent } from "./wire-events.ts";

type Of<Type extends AnswerEvent["type"]> = Extract<AnswerEvent, { type: Type }>;

export class OutputWriter {
  readonly #idStem: string;
  readonly #showsSummary: boolean;
  readonly #items: Item[] = [];
  /** Of calls there may be several at once: some providers send their arguments in turns. */
  #open: Item[] = [];

  /** `idStem` must differ between all responses; `showsSummary`: thoughts are told as their summary. */
  constructor(options: { idStem: string; showsSummary: boolean }) {
    this.#idStem = options.idStem;
    this.#showsSummary = options.showsSummary;
  }

  /** As far as they have come. */
  get output(): JsonObject[] {
    return this.#items.map((item) => item.wire());
  }

  take(event: AnswerEvent): WireEvent[] {
    switch (event.type) {
      case "text":
      case "refusal":
        return this.#say(event);
      case "logprobs":
        return this.#messageOf(event.part)?.addLogprobs(event.logprobs) ?? [];
      case "annotation":
        return this.#messageOf(event.part)?.annotate(toWireAnnotation(event.annotation)) ?? [];
      case "reasoning":
        return this.#think(event);
      case "reasoning_end":
        return this.#seal(event);
      case "tool_call_begin":
        return this.#beginCall(event);
      case "tool_call_arguments":
        return this.#argue(event);
      default:
        return [];
    }
  }

  /** Ends what is still open. An answer that was cut off has its last item incomplete. */
  close(status: "completed" | "incomplete" = "completed"): WireEvent[] {
    const open = this.#open;
    this.#open = [];
    return open.flatMap((item) => ended(item, item === open.at(-1) ? status : "completed"));
  }

  #say({ type, part, delta }: Of<"text" | "refusal">): WireEvent[] {
    const events: WireEvent[] = [];
    const message = this.#message(events);
    return [...events, ...message.say(type, part, delta)];
  }

  #message(events: WireEvent[]): MessageItem {
    const open = this.#open.at(-1);
    if (open instanceof MessageItem) return open;
    events.push(...this.close());
    return this.#begin((place) => new MessageItem(place), "msg", events);
  }

  #messageOf(part: number): MessageItem | undefined {
    const message = this.#open.at(-1);
    return message instanceof MessageItem && message.openPart === part ? message : undefined;
  }

  #think({ part, delta }: Of<"reasoning">): WireEvent[] {
    const events: WireEvent[] = [];
    const thought = this.#thoughtOf(part, events);
    return [...events, ...thought.think(delta)];
  }

  #seal({ part, type: _, choice: __, ...seals }: Of<"reasoning_end">): WireEvent[] {
    const events: WireEvent[] = [];
    const hasSeal = seals.encrypted !== undefined || seals.signature !== undefined;
    const open = this.#open.at(-1);
    const isOpen = open instanceof ReasoningItem && open.part === part;
    if (!isOpen && !hasSeal) return events;
    const thought = this.#thoughtOf(part, events);
    if (hasSeal) thought.seal(wrapSeal({ ...seals, sealedBy: seals.sealedBy ?? SEALED_ELSEWHERE }));
    return [...events, ...this.close()];
  }

  #thoughtOf(part: number, events: WireEvent[]): ReasoningItem {
    const open = this.#open.at(-1);
    if (open instanceof ReasoningItem && open.part === part) return open;
    events.push(...this.close());
    const options = { part, isSummary: this.#showsSummary };
    return this.#begin((place) => new ReasoningItem(place, options), "rs", events);
  }

  #beginCall(event: Of<"tool_call_begin">): WireEvent[] {
    const events = this.#open.every((item) => item instanceof CallItem) ? [] : this.close();
    this.#begin((place) => new CallItem(place, event), "fc", events);
    return events;
  }

  #argue({ part, delta }: Of<"tool_call_arguments">): WireEvent[] {
    const call = this.#open.find((item) => item instanceof CallItem && item.part === part);
    assert(
      call instanceof CallItem,
      "arguments come between the beginning of their call and other parts",
    );
    return call.argue(delta);
  }

  #begin<Begun extends Item>(
    make: (place: Place) => Begun,
    prefix: string,
    events: WireEvent[],
  ): Begun {
    const outputIndex = this.#items.length;
    const number = outputIndex.toString(16).padStart(4, "0");
    const item = make({ id: `${prefix}_${this.#idStem}${number}`, outputIndex });
    this.#items.push(item);
    this.#open.push(item);
    events.push(added(item));
    return item;
  }
}

/** Decoders that do not say by whom are those of chat: what is sealed there is never OpenAI's own. */
const SEALED_ELSEWHERE = "openai-chat";

function toWireAnnotation({ url, title, start, end }: Annotation): JsonObject {
  return {
    type: "url_citation",
    url,
    title: title ?? "",
    start_index: start ?? 0,
    end_index: end ?? 0,
  };
}
