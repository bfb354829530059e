import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LineTooLong, readLines } from "./read-lines.ts";

async function* inPieces(bytes: Uint8Array, size: number) {
  // The same memory again and again, as a stream of a file may give it.
  const memory = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    memory.set(piece);
    yield memory.subarray(0, piece.length);
  }
}

type Read = { number: number; text: string; placed: string };

async function read(text: string, size = 3, lineBytesMax = 1_000): Promise<Read[]> {
  const bytes = Buffer.from(text);
  const lines: Read[] = [];
  for await (const line of readLines(inPieces(bytes, size), lineBytesMax)) {
    const placed = bytes.subarray(line.offset, line.offset + line.length).toString();
    lines.push({ number: line.number, text: Buffer.from(line.bytes).toString(), placed });
  }
  return lines;
}

describe("lines of a file", () => {
  test("are those that an editor shows, wherever the pieces break", async () => {
    const word = fc.stringMatching(/^[a-zä☃ ]{0,12}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { maxLength: 20 }),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        async (words, end, isEnded, size) => {
          const text = words.join(end) + (isEnded ? end : "");
          const expected = words.flatMap((word, i) =>
            word === "" ? [] : [{ number: i + 1, text: word, placed: word }],
          );
          expect(await read(text, size)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("begin behind a byte order mark", async () => {
    expect(await read("\ufeff{}\n{}\n")).toMatchObject([{ placed: "{}" }, { placed: "{}" }]);
  });

  test("may not be too long, whether their end has come or not", async () => {
    for (const text of [`ok\n${"x".repeat(11)}\n`, `ok\n${"x".repeat(11)}`]) {
      for (const size of [1, 5, 100]) {
        const reading = read(text, size, 10);
        await expect(reading).rejects.toThrow(LineTooLong);
        await expect(reading).rejects.toMatchObject({ line: 2 });
      }
    }
    expect(await read(`${"x".repeat(10)}\n`, 4, 10)).toHaveLength(1);
  });
});
