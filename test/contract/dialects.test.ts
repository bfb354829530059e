import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chatDialects } from "../../src/providers/chat-dialects.ts";
import { eventsOf } from "../../src/providers/neutral/events-of.ts";
import { chatDialectNames } from "../../src/providers/upstream.ts";
import { someAnswerOf } from "../support/some-answer.ts";
import { expectUnderstood, facts, streamedTo, wholeTo } from "./dialect-translation.ts";
import { sayable } from "./said-by.ts";

/** More than one choice is enough to mix them up. */
const CHOICES = 3;

test("every dialect is here, and brings its cases to the suite", async () => {
  expect(Object.keys(chatDialects).sort()).toEqual([...chatDialectNames].sort());
  for (const name of chatDialectNames) {
    const cases = new URL(`../../src/providers/dialects/${name}/dialect.test.ts`, import.meta.url);
    const text = await Bun.file(cases).text();
    expect(text).toContain("testDialect({");
    expect(text).toContain(`name: "${name}"`);
  }
});

for (const client of chatDialectNames) {
  const { streamEncoder } = chatDialects[client];
  const someAnswer = someAnswerOf({
    choicesMin: 1,
    choicesMax: Math.min(sayable[client].choicesMax, CHOICES),
  });

  describe(`clients of ${client}`, () => {
    test("understand any answer as it was said, whole", () => {
      fc.assert(
        fc.property(someAnswer, (answer) => {
          expectUnderstood(client, wholeTo(client, answer), answer);
        }),
        { numRuns: 300 },
      );
    });

    test("understand any answer as it was said, streamed", () => {
      fc.assert(
        fc.property(someAnswer, (answer) => {
          const encoder = streamEncoder(facts);
          const sent = eventsOf(answer)
            .map((event) => encoder.take(event))
            .join("");
          const heard = streamedTo(client, { sent, closing: encoder.closing() });

          expectUnderstood(client, heard, answer);
        }),
        { numRuns: 300 },
      );
    });

    test("hear of no usage before it is settled, and of no end", () => {
      const encoder = streamEncoder(facts);
      const sent = [
        encoder.take({ type: "begin" }),
        encoder.take({ type: "text", choice: 0, part: 0, delta: "Hello" }),
        encoder.take({ type: "usage", usage: { quantities: { output_text: 4_711 }, raw: 0 } }),
        encoder.take({ type: "finish", choice: 0, reason: "length" }),
      ].join("");

      expect(sent).toContain("Hello");
      expect(sent).not.toMatch(
        /4711|_reason":"|response\.(completed|incomplete)|\[DONE\]|message_stop/,
      );
      expect(encoder.closing()).toContain("4711");
    });
  });
}
