/** What a dialect brings to the suite in dialect-cases.ts. */
import fc from "fast-check";
import type { Quantities } from "../../src/lib/quantities.ts";
import type { AnswerReader } from "../../src/providers/exchange.ts";
import type { Choice } from "../../src/providers/neutral/answer.ts";
import type { ChatDialectName } from "../../src/providers/upstream.ts";

export type DialectUnderTest = {
  name: ChatDialectName;
  /** The folder of the recorded bytes. */
  fixtures: string;
  openTap(options: { hideUsage: boolean }): AnswerReader;
  /** Frames that are never sent on, and those that only clients get who asked for usage. */
  isWithheld(frame: string): boolean;
  isUsageOnly(frame: string): boolean;
  cases: Record<DialectCase, Expected | { impossible: string }>;
  /** What only some servers of this dialect send. */
  more?: Record<string, Expected>;
};

export type Expected = {
  file: string;
  quantities: Quantities | undefined;
  ending: "done" | "finished" | "open" | "error";
  counted: number;
  /** What it says, in the neutral form. */
  choices?: Choice[];
  /** The file of the same answer as a whole. */
  whole?: string;
};

export const dialectCases = [
  "usage in the last frame",
  "usage missing",
  "usage repeated in every frame",
  "usage with the finish",
  "input from a cache",
  "input written to a cache",
  "reasoning beside the completion",
  "thoughts under a seal",
  "audio",
  "pictures in the input",
  "tool calls",
  "tool calls side by side",
  "a refusal",
  "citations",
  "probabilities",
  "several choices",
  "lines ending with CR and LF",
  "comments and other fields",
  "data of several lines",
  "a byte order mark",
  "the end marker missing",
  "the last line left open",
  "cut in the middle of a frame",
  "an error before anything else",
  "an error frame",
  "an error event",
  "odd finish reasons",
  "a malformed frame",
] as const;
export type DialectCase = (typeof dialectCases)[number];

/** A stream in chunks, which may be cut in the middle of a character. */
export function someCuts(bytes: Uint8Array): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.nat(bytes.length), { maxLength: 20 }).map((cuts) => {
    const sorted = [0, ...cuts.sort((a, b) => a - b)];
    return sorted.map((start, i) => bytes.slice(start, sorted[i + 1]));
  });
}

export function endingOf(reader: AnswerReader): Expected["ending"] {
  if (reader.error !== undefined) return "error";
  if (reader.done) return "done";
  return reader.finished ? "finished" : "open";
}

/** An answer that came to its end. */
export const isComplete = ({ ending }: Expected): boolean =>
  ending === "done" || ending === "finished";
