/**
 * Answers that were given before, by the exact question and the organization that asked it. In the memory of one
 * gateway process: nothing of an answer lies on a disk, and a lookup is a lookup in a map.
 */
import type { Clock } from "../../lib/clock.ts";

export type CachedAnswer = {
  bytes: Uint8Array;
  contentType: string;
  /** Who made it. */
  modelName: string;
  provider: string;
  region: string | null;
  storedMs: number;
};

export type ResponseCacheOptions = {
  clock: Pick<Clock, "monotonicMs">;
  bytesMax: number;
};

/** A larger answer is not kept: it would push out many small ones. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** What an entry takes beside its bytes, roughly. */
const ENTRY_BYTES = 512;

type Entry = CachedAnswer & { untilMs: number };

export class ResponseCache {
  readonly #options: ResponseCacheOptions;
  /** The one that was used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(options: ResponseCacheOptions) {
    this.#options = options;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  read(key: string): CachedAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#remove(key, entry);
    if (this.#options.clock.monotonicMs() >= entry.untilMs) return undefined;
    this.#add(key, entry);
    return entry;
  }

  keep(key: string, answer: Omit<CachedAnswer, "storedMs">, ttlSeconds: number): void {
    if (answer.bytes.length > ANSWER_BYTES_MAX) return;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#remove(key, before);
    const storedMs = this.#options.clock.monotonicMs();
    this.#add(key, { ...answer, storedMs, untilMs: storedMs + ttlSeconds * 1_000 });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#options.bytesMax) return;
      this.#remove(oldest, entry);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes.length + ENTRY_BYTES;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes.length + ENTRY_BYTES;
  }
}
