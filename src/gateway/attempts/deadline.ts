/** The time that a call has, and the signals that end its attempts: the client left, or the time is over. */
import { sleep } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import { clientClosed } from "../../providers/network-failure.ts";

export type DeadlineOptions = {
  clock: Clock;
  /** The client's. */
  signal: AbortSignal;
  /** Undefined: as long as the answer brings something. */
  timeoutMs: number | undefined;
  /** The call is over; may be called more than once. */
  onEnd(): void;
};

export class Deadline {
  readonly #options: DeadlineOptions;
  readonly #endsMs: number;
  readonly #stops = new Set<AbortController>();
  readonly #timer: Timer | undefined;
  #isOver = false;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    const { timeoutMs, clock } = options;
    this.#endsMs =
      timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() + timeoutMs;
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#expire(), timeoutMs);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  remainingMs(): number {
    return this.#endsMs - this.#options.clock.monotonicMs();
  }

  /** A listener rather than `AbortSignal.any`: one small object for each attempt, released with it. */
  newStop(): AbortController {
    const stop = new AbortController();
    const { signal } = this.#options;
    if (signal.aborted || this.#isOver) stop.abort();
    else signal.addEventListener("abort", () => stop.abort(), { once: true });
    if (this.#timer !== undefined) this.#stops.add(stop);
    return stop;
  }

  /** @throws Failure when the client leaves or the time is over before. */
  async sleep(ms: number): Promise<void> {
    const { signal } = this.#options;
    await sleep(Math.min(ms, this.remainingMs()), signal);
    if (signal.aborted) throw clientClosed({ name: "none" }, { dispatched: false });
    if (this.remainingMs() <= 0) throw this.#exceeded(undefined);
  }

  /** What the client is told of an attempt that the end of the time has cut. */
  explain(error: unknown): unknown {
    return this.#isOver && !this.#options.signal.aborted ? this.#exceeded(error) : error;
  }

  /** The answer has ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#stops.clear();
    this.#options.onEnd();
  }

  #expire(): void {
    this.#isOver = true;
    for (const stop of this.#stops) stop.abort();
  }

  #exceeded(error: unknown): Failure {
    const cause = error instanceof Failure ? error.cause : error;
    return new Failure(
      "timeout",
      `The call has not ended within ${this.#options.timeoutMs} ms, the time that the client or the route gave it.`,
      { code: DEADLINE_EXCEEDED, ...(cause === undefined ? {} : { cause }) },
    );
  }
}

export const DEADLINE_EXCEEDED = "deadline_exceeded";
