import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Quantities } from "../../src/lib/quantities.ts";
import type { AnswerReader } from "../../src/providers/exchange.ts";

/**
 * What every dialect must read from its streams, as one suite: a dialect brings recorded bytes for each case and
 * what they say, or a reason why its providers cannot send such a stream.
 */
export type DialectUnderTest = {
  name: string;
  /** The folder of the recorded bytes. */
  fixtures: string;
  openTap(options: { hideUsage: boolean }): AnswerReader;
  /** Frames that are never sent on, and those that only clients get who asked for usage. */
  isWithheld(frame: string): boolean;
  isUsageOnly(frame: string): boolean;
  cases: Record<DialectCase, Expected | { impossible: string }>;
};

export type Expected = {
  file: string;
  quantities: Quantities | undefined;
  ending: "done" | "finished" | "open" | "error";
  counted: number;
};

export const dialectCases = [
  "usage in the last frame",
  "usage missing",
  "usage repeated in every frame",
  "usage with the finish",
  "reasoning beside the completion",
  "audio",
  "tool calls",
  "several choices",
  "lines ending with CR and LF",
  "comments and other fields",
  "data of several lines",
  "a byte order mark",
  "the end marker missing",
  "the last line left open",
  "cut in the middle of a frame",
  "an error frame",
  "an error event",
  "odd finish reasons",
  "a malformed frame",
] as const;
export type DialectCase = (typeof dialectCases)[number];

type Seen = {
  sent: string;
  quantities: Quantities | undefined;
  ending: Expected["ending"];
  counted: number;
  closing: string;
};

export function testDialect(dialect: DialectUnderTest): void {
  describe(`dialect ${dialect.name}`, () => {
    for (const name of dialectCases) {
      const expected = dialect.cases[name];
      if ("impossible" in expected) test.skip(`${name}: ${expected.impossible}`, () => undefined);
      else testCase(dialect, name, expected);
    }
  });
}

function testCase(dialect: DialectUnderTest, name: string, expected: Expected): void {
  const bytes = new Uint8Array(readFileSync(join(dialect.fixtures, expected.file)));
  const whole = read(dialect, [bytes], { hideUsage: false });

  describe(name, () => {
    test("says what was used and how it ended", () => {
      const { quantities, ending, counted } = whole;
      expect({ quantities, ending, counted }).toEqual({
        quantities: expected.quantities,
        ending: expected.ending,
        counted: expected.counted,
      });
    });

    test("its bytes pass untouched, but for the end marker and errors", () => {
      expect(whole.sent).toBe(framesOf(bytes, (frame) => !dialect.isWithheld(frame)));
    });

    test("usage is hidden from those who did not ask, and nothing else", () => {
      const hidden = read(dialect, [bytes], { hideUsage: true });
      const isVisible = (frame: string) =>
        !dialect.isWithheld(frame) && !dialect.isUsageOnly(frame);
      expect(hidden.sent).toBe(framesOf(bytes, isVisible));
      expect({ ...hidden, sent: "" }).toEqual({ ...whole, sent: "" });
    });

    test("cut at every byte it reads the same", () => {
      for (let at = 0; at <= bytes.length; at++) {
        const seen = read(dialect, [bytes.slice(0, at), bytes.slice(at)], { hideUsage: false });
        expect(seen).toEqual(whole);
      }
      const single = [...bytes].map((byte) => Uint8Array.of(byte));
      expect(read(dialect, single, { hideUsage: false })).toEqual(whole);
    });

    test("cut anywhere it reads the same", () => {
      const places = fc.array(fc.nat(bytes.length), { maxLength: 20 });
      fc.assert(
        fc.property(places, (cuts) => {
          const sorted = [0, ...cuts.sort((a, b) => a - b)];
          const chunks = sorted.map((start, i) => bytes.slice(start, sorted[i + 1]));
          expect(read(dialect, chunks, { hideUsage: false })).toEqual(whole);
        }),
        { numRuns: 100 },
      );
    });
  });
}

function read(
  dialect: DialectUnderTest,
  chunks: Uint8Array[],
  options: { hideUsage: boolean },
): Seen {
  const tap = dialect.openTap(options);
  const sent = [...chunks.flatMap((chunk) => tap.take(chunk)), ...tap.end()];
  return {
    sent: Buffer.concat(sent).toString(),
    quantities: tap.usage?.quantities,
    ending: endingOf(tap),
    counted: tap.countedOutputTokens(),
    closing: Buffer.from(tap.closing()).toString(),
  };
}

function endingOf(tap: AnswerReader): Expected["ending"] {
  if (tap.error !== undefined) return "error";
  if (tap.done) return "done";
  return tap.finished ? "finished" : "open";
}

/** The frames of a fixture that pass the test. Written as plainly as possible, to judge the real reader. */
function framesOf(bytes: Uint8Array, passes: (frame: string) => boolean): string {
  const frames =
    Buffer.from(bytes)
      .toString()
      .match(/[\s\S]*?(\r\n\r\n|\n\n)|[\s\S]+$/g) ?? [];
  return frames.filter(passes).join("");
}
