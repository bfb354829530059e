import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dataFrame, readFrame, SseFrameTooLarge, SseSplitter } from "./sse.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (chunk: Uint8Array): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(chunk);

/** The frames of a stream that arrives in the given chunks; what is left at the end comes last. */
function split(chunks: Uint8Array[]): string[] {
  const splitter = new SseSplitter({ frameBytesMax: 10_000 });
  const frames = chunks.flatMap((chunk) => splitter.take(chunk));
  const rest = splitter.end();
  return [...frames, ...(rest === undefined ? [] : [rest])].map(text);
}

/** The chunks of `whole` when it is cut at the given places. */
function cut(whole: Uint8Array, places: number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b)];
  return sorted.map((start, i) => whole.slice(start, sorted[i + 1] ?? whole.length));
}

describe("a stream is split into frames", () => {
  const cases: [string, string, string[]][] = [
    ["LF", "data: a\n\ndata: b\n\n", ["data: a\n\n", "data: b\n\n"]],
    ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", ["data: a\r\n\r\n", "data: b\r\n\r\n"]],
    ["CR", "data: a\r\rdata: b\r\r", ["data: a\r\r", "data: b\r\r"]],
    ["mixed endings", "data: a\r\n\ndata: b\n\r\n", ["data: a\r\n\n", "data: b\n\r\n"]],
    ["several lines", "event: x\ndata: a\ndata: b\n\n", ["event: x\ndata: a\ndata: b\n\n"]],
    ["comments", ": ping\n\ndata: a\n\n", [": ping\n\n", "data: a\n\n"]],
    ["byte order mark", "\uFEFFdata: a\n\n", ["\uFEFFdata: a\n\n"]],
    ["blank lines in a row", "data: a\n\n\ndata: b\n\n", ["data: a\n\n", "\n", "data: b\n\n"]],
    ["a missing last blank line", "data: a\n\ndata: b\n", ["data: a\n\n", "data: b\n"]],
    ["characters of several bytes", "data: zażółć 🦊\n\n", ["data: zażółć 🦊\n\n"]],
    ["nothing", "", []],
  ];

  for (const [name, stream, frames] of cases) {
    test(`${name}, whole and cut at every byte`, () => {
      const whole = bytes(stream);
      expect(split([whole])).toEqual(frames);
      expect(split([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(frames);
      for (let at = 0; at <= whole.length; at++) {
        expect(split([whole.slice(0, at), whole.slice(at)])).toEqual(frames);
      }
    });
  }

  test("any stream, cut anywhere, gives the same frames and loses no byte", () => {
    const line = fc.constantFrom("data: a", "data: é", ": ping", "event: x", "", "", "\uFEFF");
    const ending = fc.constantFrom("\n", "\n", "\r\n", "\r");
    const stream = fc.array(fc.tuple(line, ending), { maxLength: 30 });
    fc.assert(
      fc.property(stream, fc.array(fc.nat(400), { maxLength: 12 }), (lines, places) => {
        const whole = bytes(lines.flat().join(""));
        const frames = split([whole]);
        expect(split(cut(whole, places))).toEqual(frames);
        expect(frames.join("")).toBe(text(whole));
      }),
      { numRuns: 500 },
    );
  });

  test("frames that a chunk holds whole are not copied", () => {
    const chunk = bytes("data: a\n\ndata: b\n\n");
    for (const frame of new SseSplitter({ frameBytesMax: 100 }).take(chunk)) {
      expect(frame.buffer).toBe(chunk.buffer);
    }
  });

  test("a frame over the limit is refused, in one chunk and in many", () => {
    const long = bytes(`data: ${"x".repeat(100)}\n\n`);
    expect(() => new SseSplitter({ frameBytesMax: 50 }).take(long)).toThrow(SseFrameTooLarge);
    const splitter = new SseSplitter({ frameBytesMax: 50 });
    expect(() => {
      for (const byte of long) splitter.take(Uint8Array.of(byte));
    }).toThrow(SseFrameTooLarge);
  });
});

describe("what a frame says", () => {
  const cases: [string, string | undefined, string | undefined][] = [
    ["data: a\n\n", undefined, "a"],
    ["data:a\r\n\r\n", undefined, "a"],
    ["data: a\r\r\n", undefined, "a"],
    ["data:  a\r\r", undefined, " a"],
    ["\uFEFFdata: a\n\n", undefined, "a"],
    ["event: x\ndata: a\nid: 7\ndata: b\n\n", "x", "a\nb"],
    ["data: a\n: ping\ndata: b\n\n", undefined, "a\nb"],
    ["data\n\n", undefined, ""],
    ["data: \n\n", undefined, ""],
    ["data: a", undefined, "a"],
    [": ping\n\n", undefined, undefined],
    ["event: end\n\n", "end", undefined],
    ["\n", undefined, undefined],
  ];
  for (const [frame, event, data] of cases) {
    test(JSON.stringify(frame), () => expect(readFrame(bytes(frame))).toEqual({ event, data }));
  }

  test("what is framed is read back", () => {
    expect(readFrame(dataFrame('{"a":"é"}')).data).toBe('{"a":"é"}');
  });
});
