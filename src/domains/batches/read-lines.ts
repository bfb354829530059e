/** Splits a file into lines with their places, holding one line and one piece of the file in memory. */

/** `number` counts from 1, empty lines included, as an editor would. The bytes are valid until the next line is read. */
export type PlacedLine = { number: number; offset: number; length: number; bytes: Uint8Array };

export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
  readonly line: number;

  constructor(line: number) {
    super(`line ${line} is too long`);
    this.line = line;
  }
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Empty lines are passed over. @throws LineTooLong */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<PlacedLine> {
  const splitter = new LineSplitter(lineBytesMax);
  for await (const chunk of chunks) yield* splitter.take(chunk);
  yield* splitter.end();
}

class LineSplitter {
  readonly #lineBytesMax: number;
  /** The beginning of a line whose end has not come yet. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;
  #offset = 0;
  #number = 1;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  *take(chunk: Uint8Array): Generator<PlacedLine> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield* this.#line(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.#begunBytes += chunk.length - start;
    this.#assertShort(0);
    // A copy: whoever gave us the chunk may use its memory again.
    this.#begun.push(Uint8Array.from(chunk.subarray(start)));
  }

  *end(): Generator<PlacedLine> {
    if (this.#begun.length > 0) yield* this.#line(new Uint8Array());
  }

  *#line(last: Uint8Array): Generator<PlacedLine> {
    this.#assertShort(last.length);
    const whole = this.#begun.length === 0 ? last : Buffer.concat([...this.#begun, last]);
    const line = trim(whole, { number: this.#number, offset: this.#offset });
    this.#offset += whole.length + 1;
    this.#number += 1;
    this.#begun = [];
    this.#begunBytes = 0;
    if (line.length > 0) yield line;
  }

  #assertShort(moreBytes: number): void {
    if (this.#begunBytes + moreBytes > this.#lineBytesMax) throw new LineTooLong(this.#number);
  }
}

/** Without the carriage return of Windows, and without the mark that some editors put at the beginning. */
function trim(bytes: Uint8Array, at: { number: number; offset: number }): PlacedLine {
  let [start, end] = [0, bytes.length];
  if (bytes[end - 1] === RETURN) end -= 1;
  if (at.number === 1 && BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte)) start = 3;
  return {
    number: at.number,
    offset: at.offset + start,
    length: Math.max(end - start, 0),
    bytes: bytes.subarray(start, end),
  };
}
