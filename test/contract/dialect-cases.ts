import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Quantities } from "../../src/lib/quantities.ts";
import { chatDialects } from "../../src/providers/chat-dialects.ts";
import { testDecoder } from "./dialect-decoders.ts";
import { testTranslation } from "./dialect-translation.ts";
import {
  type DialectUnderTest,
  dialectCases,
  type Expected,
  endingOf,
  someCuts,
} from "./dialect-under-test.ts";

/**
 * What every dialect must read from its answers, and what the clients of every other dialect must be told of them, as
 * one suite: a dialect brings recorded bytes for each case and what they say, or a reason why its providers cannot
 * send such a stream.
 */
type Seen = {
  sent: string;
  quantities: Quantities | undefined;
  ending: Expected["ending"];
  counted: number;
  closing: string;
};

/** Every byte of all but the longest fixtures, whose bytes are also read one by one: each cut reads all of it again. */
const CUTS_MAX = 2_000;
/** Below this, a dialect has not been tested. */
const POSSIBLE_MIN = 15;

export function testDialect(dialect: DialectUnderTest): void {
  describe(`dialect ${dialect.name}`, () => {
    const possible = dialectCases.filter((name) => !("impossible" in (dialect.cases[name] ?? {})));

    test("brings bytes for most of the cases, and a reason for the others", () => {
      expect(Object.keys(dialect.cases).sort()).toEqual([...dialectCases].sort());
      expect(possible.length).toBeGreaterThan(POSSIBLE_MIN);
      expect(Object.keys(chatDialects)).toContain(dialect.name);
    });

    for (const name of dialectCases) {
      const expected = dialect.cases[name];
      if ("impossible" in expected) test.skip(`${name}: ${expected.impossible}`, () => undefined);
      else describe(name, () => testCase(dialect, expected));
    }
    for (const [name, expected] of Object.entries(dialect.more ?? {})) {
      describe(name, () => testCase(dialect, expected));
    }
  });
}

function testCase(dialect: DialectUnderTest, expected: Expected): void {
  const bytes = new Uint8Array(readFileSync(join(dialect.fixtures, expected.file)));
  testTap(dialect, bytes, expected);
  testDecoder(dialect, bytes, expected);
  testTranslation(dialect, bytes, expected);
}

function testTap(dialect: DialectUnderTest, bytes: Uint8Array, expected: Expected): void {
  const whole = read(dialect, [bytes], { hideUsage: false });

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
    const isVisible = (frame: string) => !dialect.isWithheld(frame) && !dialect.isUsageOnly(frame);
    expect(hidden.sent).toBe(framesOf(bytes, isVisible));
    expect({ ...hidden, sent: "" }).toEqual({ ...whole, sent: "" });
  });

  test("cut at every byte it reads the same", () => {
    const step = Math.ceil(bytes.length / CUTS_MAX);
    for (let at = 0; at <= bytes.length; at += step) {
      const seen = read(dialect, [bytes.slice(0, at), bytes.slice(at)], { hideUsage: false });
      expect(seen).toEqual(whole);
    }
    const single = [...bytes].map((byte) => Uint8Array.of(byte));
    expect(read(dialect, single, { hideUsage: false })).toEqual(whole);
  });

  test("cut anywhere it reads the same", () => {
    fc.assert(
      fc.property(someCuts(bytes), (chunks) => {
        expect(read(dialect, chunks, { hideUsage: false })).toEqual(whole);
      }),
      { numRuns: 100 },
    );
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

/** The frames of a fixture that pass the test. Written as plainly as possible, to judge the real reader. */
function framesOf(bytes: Uint8Array, passes: (frame: string) => boolean): string {
  const frames =
    Buffer.from(bytes)
      .toString()
      .match(/[\s\S]*?(\r\n\r\n|\n\n)|[\s\S]+$/g) ?? [];
  return frames.filter(passes).join("");
}
