/**
 * Reads `multipart/form-data` (RFC 7578) piece by piece: however large a part is, no more than one piece of it is in memory.
 */
import { Failure } from "../../lib/errors.ts";

export type PartHead = { name: string; filename: string | undefined };

/** Browsers and SDKs send a few hundred bytes. */
const HEAD_BYTES_MAX = 16 * 1024;
const PARTS_MAX = 32;
const BOUNDARY_CHARS_MAX = 70;

const LINE_END = "\r\n";
const HEAD_END = Buffer.from("\r\n\r\n");

export class MultipartReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  /** Read, and not handed out yet. As if a line had ended before the first byte: the first delimiter is like all others. */
  #held: Buffer = Buffer.from(LINE_END);
  #parts = 0;
  #isInPart = false;

  /** @throws Failure `invalid` when the request is no form. */
  constructor(contentType: string | null, pieces: AsyncIterator<Uint8Array>) {
    this.#delimiter = Buffer.from(`${LINE_END}--${readBoundary(contentType)}`);
    this.#pieces = pieces;
  }

  /** The next part; undefined behind the last one. What was not read of the part before is passed over. */
  async next(): Promise<PartHead | undefined> {
    if (this.#parts === 0) await this.#skipTo(this.#delimiter, HEAD_BYTES_MAX);
    while (this.#isInPart) await this.piece();
    const [first, second] = await this.#take(2);
    if (first === DASH && second === DASH) return undefined;
    this.#parts += 1;
    if (this.#parts > PARTS_MAX) throw malformed(`it has more than ${PARTS_MAX} parts`);
    // Padding after the delimiter, if there is any, ends with the line; the head begins behind it.
    this.#held = Buffer.concat([Buffer.from([first ?? 0, second ?? 0]), this.#held]);
    const head = await this.#skipTo(HEAD_END, HEAD_BYTES_MAX);
    this.#isInPart = true;
    return readHead(head.toString("utf8"));
  }

  /** The next piece of the part; undefined at its end. */
  async piece(): Promise<Uint8Array | undefined> {
    while (this.#isInPart) {
      const end = this.#held.indexOf(this.#delimiter);
      if (end !== -1) {
        const piece = this.#held.subarray(0, end);
        this.#held = this.#held.subarray(end + this.#delimiter.length);
        this.#isInPart = false;
        return piece.length > 0 ? piece : undefined;
      }
      // The end of what is held may be the beginning of a delimiter.
      const certain = this.#held.length - this.#delimiter.length + 1;
      if (certain > 0) {
        const piece = this.#held.subarray(0, certain);
        this.#held = this.#held.subarray(certain);
        return piece;
      }
      await this.#more();
    }
    return undefined;
  }

  async #skipTo(mark: Buffer, bytesMax: number): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at !== -1) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return before;
      }
      if (this.#held.length > bytesMax) throw malformed("the head of a part is too long");
      await this.#more();
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more();
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#pieces.next();
    if (done === true) throw malformed("it ends in the middle");
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value]);
  }
}

const DASH = 0x2d;

function readBoundary(contentType: string | null): string {
  const found = /^multipart\/form-data\b.*?;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(
    contentType ?? "",
  );
  const boundary = found?.[1] ?? found?.[2];
  if (boundary !== undefined && boundary.length <= BOUNDARY_CHARS_MAX) return boundary;
  throw new Failure(
    "invalid",
    "A file is uploaded as a form: content-type must be multipart/form-data with its boundary.",
    { code: "invalid_form" },
  );
}

function readHead(text: string): PartHead {
  const line = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(text)?.[1];
  const name = line === undefined ? undefined : readParameter(line, "name");
  if (line === undefined || name === undefined) throw malformed("a part has no name");
  return { name, filename: readParameter(line, "filename") };
}

/** `name="value"`; browsers write a quote as %22, other clients as \". The form `name*=UTF-8''value` wins. */
function readParameter(line: string, name: string): string | undefined {
  const extended = new RegExp(`[;\\s]${name}\\*=utf-8'[^']*'([^;\\s]+)`, "i").exec(`;${line}`)?.[1];
  if (extended !== undefined) return decoded(extended);
  const found = new RegExp(`[;\\s]${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]+))`, "i").exec(
    `;${line}`,
  );
  const quoted = found?.[1]?.replaceAll(/\\(["\\])/g, "$1").replaceAll("%22", '"');
  return quoted ?? found?.[2];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const malformed = (what: string): Failure =>
  new Failure("invalid", `The form cannot be read: ${what}.`, { code: "invalid_form" });
