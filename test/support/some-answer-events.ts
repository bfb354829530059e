/** Any answer that a model may give, as its stream tells it: in pieces of any length. */
import fc from "fast-check";
import type { AnswerEvent } from "../../src/providers/neutral/answer.ts";
import { eventsOf } from "../../src/providers/neutral/events-of.ts";
import { someAnswer } from "./some-answer.ts";

export const someAnswerEvents: fc.Arbitrary<AnswerEvent[]> = fc
  .tuple(someAnswer, fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }))
  .map(([answer, lengths]) => eventsOf(answer).flatMap((event) => inPieces(event, lengths)));

function inPieces(event: AnswerEvent, lengths: readonly number[]): AnswerEvent[] {
  if (!("delta" in event)) return [event];
  const pieces: AnswerEvent[] = [];
  let at = 0;
  for (let turn = 0; at < event.delta.length; turn++) {
    const end = at + (lengths[turn % lengths.length] ?? 1);
    pieces.push({ ...event, delta: event.delta.slice(at, end) });
    at = end;
  }
  return pieces;
}
