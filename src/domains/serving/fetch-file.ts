/**
 * Fetches one file over HTTP into a `.part` file and goes on where an earlier attempt stopped, this
 * process's or another's. Whether the bytes are the right ones is the caller's question: it has the digest.
 */
import { type FileHandle, open } from "node:fs/promises";
import { sleep } from "../../lib/backoff.ts";
import { Failure } from "../../lib/errors.ts";

export type FetchFileOptions = {
  url: string;
  partPath: string;
  /** Known in advance, or taken from the server's answer. */
  totalBytes: number | undefined;
  signal: AbortSignal;
  onBytes: (bytes: number, totalBytes: number | undefined) => void;
  timeouts?: Partial<FetchTimeouts>;
};

export type FetchTimeouts = {
  /** Until the answer's head: short, so that an offline machine soon tries the next source. */
  headMs: number;
  /** Between two chunks of the body. */
  stallMs: number;
  /** Before the first retry of a cut transfer; doubles with each one that brought nothing. */
  retryMs: number;
};

const standardTimeouts: FetchTimeouts = { headMs: 6_000, stallMs: 30_000, retryMs: 500 };

/** Cut transfers that brought no byte, one after the other, before the source is given up. */
const FRUITLESS_MAX = 3;

/** Resolves with the size of the whole file, which then lies at `partPath`. */
export async function fetchFile(options: FetchFileOptions): Promise<number> {
  const timeouts = { ...standardTimeouts, ...options.timeouts };
  let fruitless = 0;
  let gainedBefore = false;
  for (;;) {
    const outcome = await transfer(options, timeouts).catch((cause: unknown): Outcome => {
      // A server that was never reached is given up at once; one that was, may come back.
      if (gainedBefore && cause instanceof Unreachable) return { kind: "cut", gained: 0, cause };
      throw cause;
    });
    if (outcome.kind === "whole") return outcome.bytes;
    gainedBefore ||= outcome.gained > 0;
    fruitless = outcome.gained > 0 ? 0 : fruitless + 1;
    if (fruitless >= FRUITLESS_MAX) throw cutTooOften(outcome.cause);
    await sleep(timeouts.retryMs * 2 ** fruitless, options.signal);
    options.signal.throwIfAborted();
  }
}

class Unreachable extends Failure {}

const cutTooOften = (cause: unknown): Failure =>
  new Failure("upstream", `the connection was cut ${FRUITLESS_MAX} times without progress`, {
    cause,
  });

type Outcome =
  | { kind: "whole"; bytes: number }
  /** The body ended early; `gained` bytes were kept. */
  | { kind: "cut"; gained: number; cause: unknown };

/** One request: from the end of the part file to the end of the file, or as far as it goes. */
async function transfer(options: FetchFileOptions, timeouts: FetchTimeouts): Promise<Outcome> {
  const part = await open(options.partPath, "a+");
  await using watch = new Watch(options.signal);
  try {
    const have = (await part.stat()).size;
    if (options.totalBytes !== undefined && have === options.totalBytes) {
      return { kind: "whole", bytes: have };
    }
    watch.within(timeouts.headMs);
    const response = await ask(options.url, have, watch.signal);
    const begins = await readBegin(response, have, part);
    return await receive(response, part, { options, timeouts, watch, begins });
  } finally {
    await part.close();
  }
}

async function ask(url: string, from: number, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      signal,
      // A compressed body would make byte ranges and lengths mean something else.
      headers: {
        "accept-encoding": "identity",
        ...(from > 0 ? { range: `bytes=${from}-` } : {}),
      },
    });
  } catch (cause) {
    throw new Unreachable("upstream", messageOf(cause), { cause });
  }
}

/** Where in the file the answer's body begins, and how long the file is. */
type Begin = { from: number; totalBytes: number | undefined };

async function readBegin(response: Response, have: number, part: FileHandle): Promise<Begin> {
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(
    response.headers.get("content-range") ?? "",
  );
  if (response.status === 416) {
    // The part is not a beginning of this file, unless it is all of it.
    if (range?.[2] === String(have)) return { from: have, totalBytes: have };
    await part.truncate(0);
    return { from: 0, totalBytes: undefined };
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new Failure("upstream", `it answered HTTP ${response.status}`, {
      status: response.status,
    });
  }
  if (response.status === 206 && range?.[1] === String(have)) {
    return { from: have, totalBytes: range[2] === "*" ? undefined : Number(range[2]) };
  }
  // The server ignored the range and sends everything.
  await part.truncate(0);
  const length = response.headers.get("content-length");
  return { from: 0, totalBytes: length === null ? undefined : Number(length) };
}

type Receiving = {
  options: FetchFileOptions;
  timeouts: FetchTimeouts;
  watch: Watch;
  begins: Begin;
};

async function receive(
  response: Response,
  part: FileHandle,
  receiving: Receiving,
): Promise<Outcome> {
  const { options, begins } = receiving;
  const totalBytes = options.totalBytes ?? begins.totalBytes;
  const reached = { at: begins.from };
  const cut = (cause: unknown): Outcome => ({
    kind: "cut",
    gained: reached.at - begins.from,
    cause,
  });
  if (response.status === 416) {
    if (begins.from > 0) return { kind: "whole", bytes: begins.from };
    return cut(new Error("the range was refused"));
  }
  try {
    await writeBody(response, part, { ...receiving, totalBytes, reached });
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    options.signal.throwIfAborted();
    if (isDiskError(cause)) throw new Failure("overloaded", messageOf(cause), { cause });
    return cut(cause);
  }
  if (totalBytes !== undefined && reached.at < totalBytes) {
    return cut(new Error("the body ended early"));
  }
  await part.sync();
  return { kind: "whole", bytes: reached.at };
}

async function writeBody(
  response: Response,
  part: FileHandle,
  writing: Receiving & { totalBytes: number | undefined; reached: { at: number } },
): Promise<void> {
  const { options, timeouts, watch, totalBytes, reached } = writing;
  watch.within(timeouts.stallMs);
  for await (const chunk of response.body ?? []) {
    await part.write(chunk);
    reached.at += chunk.length;
    if (totalBytes !== undefined && reached.at > totalBytes) {
      throw new Failure("upstream", `it sent more than the ${totalBytes} bytes expected`);
    }
    options.onBytes(reached.at, totalBytes);
    watch.within(timeouts.stallMs);
  }
}

/** Aborts when nothing has happened for a time that is set anew with each step. */
class Watch implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onOuter = (): void => this.#controller.abort(this.#outer.reason);
  #timer: Timer | undefined;

  constructor(outer: AbortSignal) {
    this.#outer = outer;
    outer.throwIfAborted();
    outer.addEventListener("abort", this.#onOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  within(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`no answer within ${Math.round(ms / 1000)} s`));
    }, ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#onOuter);
    // Closes a connection whose body nobody reads any more.
    this.#controller.abort();
  }
}

const isDiskError = (cause: unknown): boolean =>
  cause instanceof Error &&
  "code" in cause &&
  ["ENOSPC", "EDQUOT", "EIO"].includes(`${cause.code}`);

export const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);
