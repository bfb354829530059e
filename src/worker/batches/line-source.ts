/** Where the next lines of a batch come from: those that wait for another run first, then the next ones of the file. */
import {
  readLastNumber,
  type SentLine,
  takeLinesAgain,
  takeNewLines,
} from "../../domains/batches/index.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Database } from "../../platform/db/database.ts";

/** Numbers looked at in one question. */
const WINDOW = 512;
/** Lines that wait are asked for this often at most. */
const AGAIN_MS = 200;

export type LineSourceOptions = {
  database: Database;
  workerId: string;
  batchId: string;
  clock: Clock;
};

export class LineSource {
  readonly #options: LineSourceOptions;
  /** All lines before this one have been sent at least once. */
  #next = 1;
  #last: number | undefined;
  #askedAgainMs = Number.NEGATIVE_INFINITY;

  constructor(options: LineSourceOptions) {
    this.#options = options;
  }

  /** Marked as sent. Fewer than the limit, or none, when no more can be sent now. */
  async take(limit: number): Promise<SentLine[]> {
    const lines = await this.#takeAgain(limit);
    return [...lines, ...(await this.#takeNew(limit - lines.length))];
  }

  async #takeAgain(limit: number): Promise<SentLine[]> {
    const { database, batchId, workerId, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#askedAgainMs < AGAIN_MS) return [];
    this.#askedAgainMs = nowMs;
    return await takeLinesAgain(database, { batchId, workerId, limit });
  }

  async #takeNew(limit: number): Promise<SentLine[]> {
    const { database, batchId, workerId } = this.#options;
    this.#last ??= await readLastNumber(database, batchId);
    const taken: SentLine[] = [];
    while (taken.length < limit && this.#next <= this.#last) {
      const window = { from: this.#next, to: this.#next + WINDOW - 1 };
      const left = limit - taken.length;
      const lines = await takeNewLines(database, { batchId, workerId, limit: left, ...window });
      taken.push(...lines);
      // Fewer than asked for: the window has no more.
      this.#next = lines.length < left ? window.to + 1 : (lines.at(-1)?.number ?? 0) + 1;
    }
    return taken;
  }
}
