/**
 * Reads the facts in front of a GGUF file without loading it: whether it is one, what it is, how long its
 * context is. Arrays (the vocabulary) are skipped.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { type FileHandle, open } from "node:fs/promises";
import { Failure } from "../../lib/errors.ts";

export type GgufHeader = {
  architecture: string;
  name: string | undefined;
  licence: string | undefined;
  /** The context the model was trained with, in tokens. */
  contextTokens: number;
};

/** Bounds against files that only pretend: real ones have tens of entries and a vocabulary below these. */
const ENTRIES_MAX = 4_096;
const TEXT_BYTES_MAX = 1 << 20;
const ARRAY_ITEMS_MAX = 1 << 24;
const NESTING_MAX = 3;
const READ_BYTES = 1 << 18;
const OLDEST_VERSION = 2;
const NEWEST_VERSION = 3;

const STRING = 8;
const ARRAY = 9;
/** Bytes of each fixed-size value type, by the number of the type. */
const sizes: Readonly<Record<number, number>> = {
  0: 1, // uint8
  1: 1, // int8
  2: 2, // uint16
  3: 2, // int16
  4: 4, // uint32
  5: 4, // int32
  6: 4, // float32
  7: 1, // bool
  10: 8, // uint64
  11: 8, // int64
  12: 8, // float64
};

export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new Failure("not_found", `${path} cannot be read: give the path of a GGUF file.`, {
      cause,
    });
  });
  try {
    return toHeader(await readEntries(new Cursor(file, path)), path);
  } finally {
    await file.close();
  }
}

type Value = string | number | undefined;

async function readEntries(cursor: Cursor): Promise<Map<string, Value>> {
  const magic = await cursor.take(4);
  if (magic.toString("latin1") !== "GGUF") throw cursor.broken("it does not begin with GGUF");
  const version = (await cursor.take(4)).readUInt32LE();
  if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
    throw cursor.broken(`version ${version} of the format is not known`);
  }
  await cursor.length(Number.MAX_SAFE_INTEGER); // the number of tensors
  const count = await cursor.length(ENTRIES_MAX);
  const entries = new Map<string, Value>();
  for (let index = 0; index < count; index++) {
    const key = await cursor.text();
    const type = (await cursor.take(4)).readUInt32LE();
    entries.set(key, await readValue(cursor, type, 0));
  }
  return entries;
}

async function readValue(cursor: Cursor, type: number, depth: number): Promise<Value> {
  if (type === STRING) return cursor.text();
  if (type === ARRAY) return skipArray(cursor, depth);
  const size = sizes[type];
  if (size === undefined) throw cursor.broken(`value type ${type} is not known`);
  const bytes = await cursor.take(size);
  if (type === 6) return bytes.readFloatLE();
  if (type === 12) return bytes.readDoubleLE();
  if (type === 10 || type === 11) return Number(bytes.readBigUInt64LE());
  return bytes.readUIntLE(0, size);
}

async function skipArray(cursor: Cursor, depth: number): Promise<undefined> {
  if (depth >= NESTING_MAX) throw cursor.broken("arrays are nested too deep");
  const type = (await cursor.take(4)).readUInt32LE();
  const items = await cursor.length(ARRAY_ITEMS_MAX);
  const size = sizes[type];
  if (size !== undefined) {
    cursor.skip(items * size);
    return undefined;
  }
  for (let index = 0; index < items; index++) {
    if (type === STRING) cursor.skip(await cursor.length(TEXT_BYTES_MAX));
    else await readValue(cursor, type, depth + 1);
  }
  return undefined;
}

function toHeader(entries: ReadonlyMap<string, Value>, path: string): GgufHeader {
  const text = (key: string): string | undefined => {
    const value = entries.get(key);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const architecture = text("general.architecture");
  const contextTokens = entries.get(`${architecture}.context_length`);
  if (architecture === undefined || typeof contextTokens !== "number" || contextTokens < 1) {
    throw new Failure(
      "invalid",
      `${path} is a GGUF file, but not of a language model: it names no architecture with a context length.`,
    );
  }
  return {
    architecture,
    name: text("general.name"),
    licence: text("general.license"),
    contextTokens,
  };
}

/** Reads forward through the file, a window at a time. */
class Cursor {
  readonly #file: FileHandle;
  readonly #path: string;
  #window = Buffer.alloc(0);
  /** Where the window begins in the file, and where the cursor stands in the window. */
  #windowAt = 0;
  #at = 0;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async take(bytes: number): Promise<Buffer> {
    if (this.#at + bytes > this.#window.length) await this.#fill(bytes);
    const taken = this.#window.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    return taken;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  async length(max: number): Promise<number> {
    const length = (await this.take(8)).readBigUInt64LE();
    if (length > BigInt(max)) throw this.broken(`a length of ${length} is out of bounds`);
    return Number(length);
  }

  async text(): Promise<string> {
    return (await this.take(await this.length(TEXT_BYTES_MAX))).toString("utf8");
  }

  broken(why: string): Failure {
    return new Failure("invalid", `${this.#path} is not a whole GGUF file: ${why}.`);
  }

  async #fill(bytes: number): Promise<void> {
    this.#windowAt += this.#at;
    this.#at = 0;
    const window = Buffer.alloc(Math.max(READ_BYTES, bytes));
    const { bytesRead } = await this.#file.read(window, 0, window.length, this.#windowAt);
    this.#window = window.subarray(0, bytesRead);
    if (bytesRead < bytes) throw this.broken("it ends in the middle of its header");
  }
}
