/**
 * Counters per name and minute that all processes of this machine share: a small file, mapped into each of
 * them. Adding is one atomic instruction, so a limit holds over all processes without a message between them.
 */
import { existsSync } from "node:fs";
import { createMappedFile } from "./mapped-file.ts";

const SLOTS = 65_536;
/** minute, name hash, requests, tokens */
const WORDS_PER_SLOT = 4;
const BYTES = SLOTS * WORDS_PER_SLOT * Int32Array.BYTES_PER_ELEMENT;
/** Names whose hashes meet are moved along; beyond this a name shares the last slot tried. */
const PROBES_MAX = 16;

export type MinuteCount = { requests: number; tokens: number };

export class SharedCounters {
  readonly #words: Int32Array;

  private constructor(words: Int32Array) {
    this.#words = words;
  }

  static open(path: string): SharedCounters {
    if (!existsSync(path)) createMappedFile(path, BYTES);
    const bytes = Bun.mmap(path, { shared: true });
    return new SharedCounters(new Int32Array(bytes.buffer, bytes.byteOffset, BYTES / 4));
  }

  /** Adds to this minute's counters and returns their sums, the addition included. */
  add(name: string, minute: number, count: MinuteCount): MinuteCount {
    const at = this.#slotOf(name, minute);
    return {
      requests: Atomics.add(this.#words, at + 2, count.requests) + count.requests,
      tokens: Atomics.add(this.#words, at + 3, count.tokens) + count.tokens,
    };
  }

  #slotOf(name: string, minute: number): number {
    const hash = Bun.hash.crc32(name) | 0;
    let at = 0;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      at = (((hash >>> 0) + probe) % SLOTS) * WORDS_PER_SLOT;
      const slotMinute = Atomics.load(this.#words, at);
      // Who comes late counts in the minute that has begun: it must not begin again.
      const isInUse = slotMinute === minute || slotMinute === minute + 1;
      if (isInUse && Atomics.load(this.#words, at + 1) === hash) return at;
      // A slot of another minute is free. Who wins the exchange clears it.
      if (!isInUse && Atomics.compareExchange(this.#words, at, slotMinute, minute) === slotMinute) {
        Atomics.store(this.#words, at + 2, 0);
        Atomics.store(this.#words, at + 3, 0);
        Atomics.store(this.#words, at + 1, hash);
        return at;
      }
      if (Atomics.load(this.#words, at + 1) === hash) return at;
    }
    return at;
  }
}
