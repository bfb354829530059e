import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { someAnswer } from "../../../test/support/some-answer.ts";
import type { AnswerEvent } from "./answer.ts";
import { eventsOf } from "./events-of.ts";
import { fold } from "./fold.ts";
import { decodeNeutralAnswer, endFrame, eventFrame, NeutralStreamDecoder } from "./wire.ts";

describe("an answer told in events", () => {
  test("folds to itself", () => {
    fc.assert(
      fc.property(someAnswer, (answer) => {
        expect(fold(eventsOf(answer))).toEqual(answer);
      }),
    );
  });

  test("is one answer, however many pieces its texts come in and however its choices alternate", () => {
    const events: AnswerEvent[] = [
      { type: "begin", id: "a" },
      { type: "text", choice: 1, part: 0, delta: "B" },
      { type: "reasoning", choice: 0, part: 0, delta: "Hm" },
      { type: "reasoning", choice: 0, part: 0, delta: "m." },
      { type: "reasoning_end", choice: 0, part: 0, signature: "s" },
      { type: "text", choice: 0, part: 1, delta: "Hel" },
      { type: "usage", usage: { quantities: { output_text: 1 }, raw: 1 } },
      { type: "text", choice: 0, part: 1, delta: "lo" },
      { type: "finish", choice: 1, reason: "length" },
      { type: "usage", usage: { quantities: { output_text: 2 }, raw: 2 } },
      { type: "finish", choice: 0, reason: "stop", stopSequence: "END" },
    ];

    expect(fold(events)).toEqual({
      id: "a",
      choices: [
        {
          parts: [
            { type: "reasoning", text: "Hmm.", signature: "s" },
            { type: "text", text: "Hello" },
          ],
          reason: "stop",
          stopSequence: "END",
        },
        { parts: [{ type: "text", text: "B" }], reason: "length" },
      ],
      usage: { quantities: { output_text: 2 }, raw: 2 },
    });
  });

  test("that nobody finished ends for another reason", () => {
    const [choice] = fold([{ type: "text", choice: 0, part: 0, delta: "Hel" }]).choices;

    expect(choice?.reason).toBe("other");
  });
});

describe("neutral answers as bytes", () => {
  test("come back as they were, cut anywhere", () => {
    fc.assert(
      fc.property(someAnswer, fc.array(fc.nat()), (answer, places) => {
        const bytes = Buffer.concat([...eventsOf(answer).map(eventFrame), endFrame()]);
        const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
        const decoder = new NeutralStreamDecoder();
        const events = [0, ...cuts].flatMap((start, i) =>
          decoder.take(bytes.subarray(start, cuts[i])),
        );

        expect(decoder.done).toBe(true);
        expect(fold(events)).toEqual(answer);
        expect(decodeNeutralAnswer(JSON.parse(JSON.stringify(answer)))).toEqual(answer);
      }),
    );
  });

  test("without their end are not done", () => {
    const decoder = new NeutralStreamDecoder();
    decoder.take(eventFrame({ type: "begin" }));

    expect([decoder.done, decoder.end()]).toEqual([false, []]);
  });
});
