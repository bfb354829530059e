import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { someAnswer } from "../../../test/support/some-answer.ts";
import type { AnswerEvent } from "./answer.ts";
import { EventOrder } from "./event-order.ts";
import { eventsOf } from "./events-of.ts";

const check = (events: readonly AnswerEvent[]) => {
  const order = new EventOrder();
  for (const event of events) order.check(event);
};
const text = (part: number): AnswerEvent => ({ type: "text", choice: 0, part, delta: "x" });
const call: AnswerEvent = { type: "tool_call_begin", choice: 0, part: 1, id: "c", name: "f" };
const argued: AnswerEvent = { type: "tool_call_arguments", choice: 0, part: 1, delta: "{}" };

describe("the order of events", () => {
  test("is that of every whole answer", () => {
    fc.assert(fc.property(someAnswer, (answer) => check(eventsOf(answer))));
  });

  test("is each choice's own", () => {
    check([text(3), { ...text(0), choice: 1 } as AnswerEvent, text(3)]);
  });

  const broken: [string, AnswerEvent[]][] = [
    ["a piece that comes too late", [text(0), call, text(0)]],
    ["arguments behind their call's end", [call, text(2), argued]],
    ["arguments without a call", [argued]],
    ["words within a call", [call, text(1)]],
    ["words behind the end", [{ type: "finish", choice: 0, reason: "stop" }, text(0)]],
  ];
  for (const [name, events] of broken) {
    test(`is broken by ${name}`, () => {
      expect(() => check(events)).toThrow("The provider sent");
    });
  }
});
