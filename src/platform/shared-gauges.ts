/**
 * How much of something is in use over all processes of this machine: a small file, mapped into each of them. Every
 * process adds to a column of its own and reads the sum, so that what a killed process still held disappears with it:
 * columns whose owner has not shown life for a while are not counted.
 */
import { existsSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";
import { createMappedFile } from "./mapped-file.ts";

/** More gateways than a machine has cores. */
const PROCESSES = 64;
const NAMES = 4_096;
/** owner, second of its last sign of life */
const HEADER_WORDS = PROCESSES * 2;
/** name hash, then one count for each process */
const WORDS_PER_NAME = 1 + PROCESSES;
const WORDS = HEADER_WORDS + NAMES * WORDS_PER_NAME;
/** Names whose hashes meet are moved along; beyond this a name shares the last slot tried. */
const PROBES_MAX = 16;

/** Owners show that they live this often. */
export const HEARTBEAT_MS = 1_000;
/** An owner that has been silent for longer is taken for dead. */
const DEAD_AFTER_S = 10;

export class SharedGauges {
  readonly #words: Int32Array;
  readonly #clock: Pick<Clock, "nowMs">;
  /** What this process holds, to be entered again if it was taken for dead. */
  readonly #held = new Map<string, number>();
  readonly #owner: number;
  #column: number;

  private constructor(words: Int32Array, clock: Pick<Clock, "nowMs">) {
    this.#words = words;
    this.#clock = clock;
    this.#owner = (crypto.getRandomValues(new Int32Array(1))[0] ?? 0) | 1;
    this.#column = this.#claimColumn();
  }

  static open(path: string, clock: Pick<Clock, "nowMs">): SharedGauges {
    if (!existsSync(path)) createMappedFile(path, WORDS * Int32Array.BYTES_PER_ELEMENT);
    const bytes = Bun.mmap(path, { shared: true });
    return new SharedGauges(new Int32Array(bytes.buffer, bytes.byteOffset, WORDS), clock);
  }

  /** Takes one of `max`; false when all are taken. Of two who come for the last one at once, both may be refused. */
  enter(name: string, max: number): boolean {
    const at = this.#slotOf(name);
    Atomics.add(this.#words, at + 1 + this.#column, 1);
    if (this.#sum(at) > max) {
      Atomics.sub(this.#words, at + 1 + this.#column, 1);
      return false;
    }
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return true;
  }

  leave(name: string): void {
    const held = this.#held.get(name) ?? 0;
    if (held <= 1) this.#held.delete(name);
    else this.#held.set(name, held - 1);
    Atomics.sub(this.#words, this.#slotOf(name) + 1 + this.#column, 1);
  }

  inUse(name: string): number {
    return this.#sum(this.#slotOf(name));
  }

  /** To be called every `HEARTBEAT_MS`. */
  beat(): void {
    // Stopped for so long that another process has taken the column: what is held is entered again, elsewhere.
    if (Atomics.load(this.#words, this.#column * 2) !== this.#owner) {
      this.#column = this.#claimColumn();
      for (const [name, count] of this.#held) {
        Atomics.add(this.#words, this.#slotOf(name) + 1 + this.#column, count);
      }
    }
    Atomics.store(this.#words, this.#column * 2 + 1, this.#nowS());
  }

  /** A clean end: the column is free at once. */
  close(): void {
    if (Atomics.load(this.#words, this.#column * 2) !== this.#owner) return;
    this.#clearColumn(this.#column);
    Atomics.store(this.#words, this.#column * 2 + 1, 0);
    Atomics.store(this.#words, this.#column * 2, 0);
  }

  #claimColumn(): number {
    for (let column = 0; column < PROCESSES; column++) {
      if (this.#isAlive(column)) continue;
      const before = Atomics.load(this.#words, column * 2);
      const won = Atomics.compareExchange(this.#words, column * 2, before, this.#owner) === before;
      if (!won) continue;
      this.#clearColumn(column);
      Atomics.store(this.#words, column * 2 + 1, this.#nowS());
      return column;
    }
    throw new Error(`more than ${PROCESSES} gateway processes share one home`);
  }

  #clearColumn(column: number): void {
    for (let name = 0; name < NAMES; name++) {
      Atomics.store(this.#words, HEADER_WORDS + name * WORDS_PER_NAME + 1 + column, 0);
    }
  }

  #isAlive(column: number): boolean {
    const seenS = Atomics.load(this.#words, column * 2 + 1);
    return seenS !== 0 && this.#nowS() - seenS < DEAD_AFTER_S;
  }

  #sum(at: number): number {
    let sum = 0;
    for (let column = 0; column < PROCESSES; column++) {
      const count = Atomics.load(this.#words, at + 1 + column);
      if (count > 0 && (column === this.#column || this.#isAlive(column))) sum += count;
    }
    return sum;
  }

  #slotOf(name: string): number {
    // 0 marks a slot that nobody has used.
    const hash = Bun.hash.crc32(name) | 0 || 1;
    let at = HEADER_WORDS;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      at = HEADER_WORDS + (((hash >>> 0) + probe) % NAMES) * WORDS_PER_NAME;
      const found = Atomics.compareExchange(this.#words, at, 0, hash);
      if (found === 0 || found === hash) return at;
    }
    return at;
  }

  /** Seconds fit into a word until 2038 and wrap harmlessly after. */
  #nowS(): number {
    return Math.floor(this.#clock.nowMs() / 1_000) | 0;
  }
}
