/**
 * Server-sent events, at the level of bytes: a frame is everything up to and including the blank line that
 * ends it. The frames of a stream joined together are the stream, so they can be sent on untouched.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
const LF = 10;
const CR = 13;

/** A stream broke the limit: the sender does not speak this format, or means harm. */
export class SseFrameTooLarge extends Error {
  override readonly name = "SseFrameTooLarge";
}

/** Finds the frames of one stream in chunks that may be cut anywhere, even between CR and LF. */
export class SseSplitter {
  readonly #frameBytesMax: number;
  /** The beginning of a frame whose end has not come yet; grown by doubling. */
  #rest = new Uint8Array(0);
  #restLength = 0;
  #lineIsEmpty = true;
  /** The last byte was a CR: a line has ended, and an LF that follows belongs to it. */
  #afterCr = false;
  #blankLineBeforeCr = false;

  constructor(options: { frameBytesMax: number }) {
    this.#frameBytesMax = options.frameBytesMax;
  }

  /** The frames that `chunk` completes: views of the chunk where it holds them whole. */
  take(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const needsCare = this.#afterCr || chunk.indexOf(CR) !== -1;
    const start = needsCare ? this.#scanAnyEnding(chunk, frames) : this.#scanLf(chunk, frames);
    if (start < chunk.length) this.#keep(chunk, start);
    return frames;
  }

  /** What is left when the stream ends: a frame without its blank line, or nothing. */
  end(): Uint8Array | undefined {
    const rest = this.#restLength === 0 ? undefined : this.#rest.subarray(0, this.#restLength);
    this.#rest = new Uint8Array(0);
    this.#restLength = 0;
    this.#lineIsEmpty = true;
    this.#afterCr = false;
    return rest;
  }

  /** The common case: lines end with LF only, so whole lines are skipped at native speed. */
  #scanLf(chunk: Uint8Array, frames: Uint8Array[]): number {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (chunk[at] === LF) {
        at += 1;
        if (!this.#lineIsEmpty) {
          this.#lineIsEmpty = true;
          continue;
        }
        frames.push(this.#frame(chunk, start, at));
        start = at;
        continue;
      }
      this.#lineIsEmpty = false;
      const end = chunk.indexOf(LF, at);
      if (end === -1) break;
      at = end;
    }
    return start;
  }

  /** A blank line that ends with CR waits for the next byte: an LF would still belong to this frame. */
  #scanAnyEnding(chunk: Uint8Array, frames: Uint8Array[]): number {
    let start = 0;
    for (const [at, byte] of chunk.entries()) {
      const end = this.#read(byte);
      if (end === "none") continue;
      const after = end === "before" ? at : at + 1;
      frames.push(this.#frame(chunk, start, after));
      start = after;
    }
    return start;
  }

  /** Whether a frame ends before this byte, with it, or not here. */
  #read(byte: number): "none" | "before" | "with" {
    const blankLineEnded = this.#afterCr && this.#blankLineBeforeCr;
    if (this.#afterCr && byte === LF) {
      this.#afterCr = false;
      return blankLineEnded ? "with" : "none";
    }
    const wasEmpty = this.#lineIsEmpty;
    this.#afterCr = byte === CR;
    this.#blankLineBeforeCr = wasEmpty;
    this.#lineIsEmpty = byte === CR || byte === LF;
    if (blankLineEnded) return "before";
    return byte === LF && wasEmpty ? "with" : "none";
  }

  #frame(chunk: Uint8Array, start: number, end: number): Uint8Array {
    this.#assertLength(this.#restLength + end - start);
    if (this.#restLength === 0) return chunk.subarray(start, end);
    const frame = new Uint8Array(this.#restLength + end - start);
    frame.set(this.#rest.subarray(0, this.#restLength));
    frame.set(chunk.subarray(start, end), this.#restLength);
    this.#restLength = 0;
    return frame;
  }

  #keep(chunk: Uint8Array, start: number): void {
    const length = this.#restLength + chunk.length - start;
    this.#assertLength(length);
    if (length > this.#rest.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#rest.length, 512));
      grown.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = grown;
    }
    this.#rest.set(chunk.subarray(start), this.#restLength);
    this.#restLength = length;
  }

  #assertLength(bytes: number): void {
    if (bytes > this.#frameBytesMax) {
      throw new SseFrameTooLarge(`an SSE frame is longer than ${this.#frameBytesMax} bytes`);
    }
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What a frame says. `data` is undefined for frames that carry none, such as comments. */
export type SseFrame = { event: string | undefined; data: string | undefined };

export function readFrame(frame: Uint8Array): SseFrame {
  // The decoder drops a byte order mark, which may stand before the first frame of a stream.
  const text = decoder.decode(frame);
  // One line of data and LF: all that most senders ever write, so it is not taken apart any further.
  if (text.startsWith("data: ") && text.indexOf("\n") === text.length - 2 && !text.includes("\r")) {
    return { event: undefined, data: text.slice(6, -2) };
  }
  return readLines(text.split(/\r\n|\r|\n/));
}

function readLines(lines: string[]): SseFrame {
  let event: string | undefined;
  let data: string | undefined;
  for (const line of lines) {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") event = value;
    else if (field === "data") data = data === undefined ? value : `${data}\n${value}`;
  }
  return { event, data };
}

/** One frame of one line of data. JSON text holds no raw line breaks, so it always fits in one line. */
export function dataFrame(data: string): Uint8Array {
  return encoder.encode(`data: ${data}\n\n`);
}

/** Views that lie side by side in one chunk become one, so that a chunk of whole frames is sent in one write. */
export function joinNeighbours(frames: Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  for (const frame of frames) {
    const last = joined.at(-1);
    if (last?.buffer === frame.buffer && last.byteOffset + last.length === frame.byteOffset) {
      joined.pop();
      joined.push(new Uint8Array(last.buffer, last.byteOffset, last.length + frame.length));
    } else {
      joined.push(frame);
    }
  }
  return joined;
}
