/**
 * How many lines of one batch are under way at once: one more after each full round of answers, half as many when a
 * gateway or a provider says that there is too much at once, and none until the time that it names.
 */
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";

const BACKOFF = { firstMs: 500, maxMs: 15_000 };
/** One line that fails says nothing of the others; so many in a row do. */
const FAILED_IN_A_ROW = 3;
/** So that many batches do not begin at full speed together. */
const BEGIN = 4;

export type PaceOptions = { most: number; clock: Clock; chance(): number };

export class Pace {
  readonly #options: PaceOptions;
  #window: number;
  #pausedUntilMs = 0;
  #pushbacks = 0;
  #failedInARow = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#window = Math.min(BEGIN, options.most);
  }

  /** Lines that may be sent beside those under way. */
  roomBeside(underWay: number): number {
    return this.pausedMs() > 0 ? 0 : Math.max(Math.floor(this.#window) - underWay, 0);
  }

  pausedMs(): number {
    return Math.max(this.#pausedUntilMs - this.#options.clock.monotonicMs(), 0);
  }

  answered(): void {
    this.#pushbacks = 0;
    this.#failedInARow = 0;
    this.#window = Math.min(this.#window + 1 / this.#window, this.#options.most);
  }

  /** A provider failed, or a process died. */
  failed(): void {
    this.#failedInARow += 1;
    if (this.#failedInARow >= FAILED_IN_A_ROW) this.pushedBack(undefined);
  }

  /** @returns how long the line that was pushed back should wait. */
  pushedBack(askedMs: number | undefined): number {
    const { clock, chance } = this.#options;
    const isNew = this.pausedMs() === 0;
    // Lines that were sent together are pushed back together: that counts once.
    if (isNew) {
      this.#pushbacks += 1;
      this.#window = Math.max(this.#window / 2, 1);
    }
    const waitMs = Math.max(askedMs ?? 0, backoffMs(BACKOFF, this.#pushbacks, 0.5 + chance() / 2));
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, clock.monotonicMs() + waitMs);
    return waitMs;
  }
}
