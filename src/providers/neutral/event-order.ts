import type { AnswerEvent } from "./answer.ts";
import { malformedStream } from "./malformed-stream.ts";

type PartEvent = Extract<AnswerEvent, { part: number }>;

/** What may be said of a part of that kind. */
const kindOf: Readonly<Record<PartEvent["type"], string>> = {
  text: "text",
  annotation: "text",
  refusal: "refusal",
  logprobs: "said",
  reasoning: "reasoning",
  reasoning_end: "reasoning",
  tool_call_begin: "call",
  tool_call_arguments: "call",
};

/**
 * Parts of a choice come one after the other, each of one kind; a call begins before its arguments; a choice that is
 * finished says no more. Every encoder
 * relies on it: what has been told to a client cannot be taken back. Not every provider keeps to it.
 */
export class EventOrder {
  readonly #finished = new Set<number>();
  readonly #open = new Map<number, { part: number; kind: string }>();

  /** @throws Failure for an event that is out of its place */
  check(event: AnswerEvent): void {
    if (event.type === "finish") this.#finished.add(event.choice);
    if (!("part" in event)) return;
    if (this.#finished.has(event.choice))
      throw malformedStream("a piece of its answer behind its end");
    const open = this.#open.get(event.choice);
    const kind = kindOf[event.type];
    if (open === undefined || event.part > open.part) this.#begin(event, kind);
    else if (event.part < open.part) throw malformedStream("a piece of its answer too late");
    else if (kind !== open.kind && kind !== "said") {
      throw malformedStream("words and calls in one piece of its answer");
    }
  }

  #begin({ type, choice, part }: PartEvent, kind: string): void {
    if (type === "tool_call_arguments") {
      throw malformedStream("the arguments of a call that it has not begun");
    }
    this.#open.set(choice, { part, kind });
  }
}
