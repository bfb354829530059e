/** Every dialect's stream as neutral events: the same facts as its tap tells, and the same answer as it has whole. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { chatDialects } from "../../src/providers/chat-dialects.ts";
import type { ChatDialect } from "../../src/providers/dialects/dialect.ts";
import type { AnswerEvent } from "../../src/providers/neutral/answer.ts";
import { EventOrder } from "../../src/providers/neutral/event-order.ts";
import { fold } from "../../src/providers/neutral/fold.ts";
import {
  type DialectUnderTest,
  type Expected,
  isComplete,
  someCuts,
} from "./dialect-under-test.ts";

type Decoded = { events: AnswerEvent[]; done: boolean };

export function testDecoder(
  { name, fixtures }: DialectUnderTest,
  bytes: Uint8Array,
  expected: Expected,
): void {
  const dialect: ChatDialect = chatDialects[name];
  const decoded = decode(dialect, [bytes]);
  const answer = fold(decoded.events);

  test("its events tell the same facts", () => {
    const errors = decoded.events.filter(({ type }) => type === "error");
    // What is said of usage before an answer breaks off is not the whole of it, and nobody reads it.
    if (isComplete(expected)) expect(answer.usage?.quantities).toEqual(expected.quantities);
    expect([errors.length, decoded.done]).toEqual([
      expected.ending === "error" ? 1 : 0,
      expected.ending === "done",
    ]);
    expect(decoded.events.some(({ type }) => type === "finish")).toBe(isComplete(expected));
  });

  test("its parts come in order, and thoughts have an end", () => {
    if (isComplete(expected)) assertInOrder(decoded.events);
  });

  test("its events are the same, cut anywhere", () => {
    const single = [...bytes].map((byte) => Uint8Array.of(byte));
    expect(decode(dialect, single)).toEqual(decoded);
    fc.assert(
      fc.property(someCuts(bytes), (chunks) => {
        expect(decode(dialect, chunks)).toEqual(decoded);
      }),
      { numRuns: 50 },
    );
  });

  if (expected.choices !== undefined) {
    test("it says what was meant", () => {
      expect(answer.choices).toEqual(expected.choices ?? []);
    });
  }

  const { whole } = expected;
  if (whole === undefined) return;
  test("the same answer as a whole says the same", () => {
    const body = JSON.parse(readFileSync(join(fixtures, whole), "utf8"));
    const { usage, ...decodedWhole } = dialect.decodeAnswer(body);
    const { usage: streamedUsage, ...streamed } = answer;
    expect(decodedWhole).toEqual(streamed);
    expect(usage?.quantities).toEqual(streamedUsage?.quantities);
  });
}

export function decode(dialect: ChatDialect, chunks: readonly Uint8Array[]): Decoded {
  const decoder = dialect.streamDecoder();
  const events = chunks.flatMap((chunk) => decoder.take(chunk));
  return { events: [...events, ...decoder.end()], done: decoder.done };
}

/** Parts of one choice do not mix, and what thinks stops thinking. */
function assertInOrder(events: readonly AnswerEvent[]): void {
  const order = new EventOrder();
  const thinking = new Set<string>();
  for (const event of events) {
    order.check(event);
    if (event.type === "reasoning") thinking.add(`${event.choice}/${event.part}`);
    if (event.type === "reasoning_end") thinking.delete(`${event.choice}/${event.part}`);
  }
  expect([...thinking]).toEqual([]);
}
