/** Sound on its way to the client: the bytes pass untouched, and the last one waits for the usage record. */
import type { AnswerReader, Counted } from "../exchange.ts";

export class ByteTap implements AnswerReader {
  readonly done = false;
  readonly error = undefined;
  readonly usage = undefined;
  readonly #counted: (bytes: number) => Counted;
  #held: Uint8Array = new Uint8Array(0);
  #bytes = 0;
  #hasEnded = false;

  constructor(counted: (bytes: number) => Counted) {
    this.#counted = counted;
  }

  /** Nothing at all is no answer. */
  get finished(): boolean {
    return this.#hasEnded && this.#bytes > 0;
  }

  get hasBegun(): boolean {
    return this.#bytes > 1;
  }

  take(chunk: Uint8Array): Uint8Array[] {
    if (chunk.length === 0) return [];
    const sent = [this.#held, chunk.subarray(0, -1)].filter(({ length }) => length > 0);
    // A copy: the chunk is the runtime's to use again.
    this.#held = chunk.slice(-1);
    this.#bytes += chunk.length;
    return sent;
  }

  end(): Uint8Array[] {
    this.#hasEnded = true;
    return [];
  }

  closing(): Uint8Array {
    return this.#held;
  }

  countedOutputTokens(): number {
    return 0;
  }

  counted(): Counted {
    return this.#counted(this.#bytes);
  }
}
