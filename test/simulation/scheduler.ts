/**
 * Time and order of everything in a simulation. Nothing happens but by a step: the arrival of a question, a
 * write to a disk, the end of a wait. One seed decides how long each takes and which of those that could go
 * next does.
 */
import type { Clock } from "../../src/lib/clock.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/** Whoever waits for a step. When it dies its steps never happen: its memory is gone. */
export type Owner = {
  readonly name: string;
  isAlive: boolean;
  /** Until then nothing of it moves, as in a process that the machine does not let run. */
  pausedUntilMs: number;
};

export const newOwner = (name: string): Owner => ({ name, isAlive: true, pausedUntilMs: 0 });

type Step = { dueMs: number; owner: Owner; what: string; run(): void };

/** Steps that are due within this time of each other may happen in any order. */
const ANY_ORDER_MS = 4;
const LAST_STEPS = 60;
/** 2030-01-01: records hold times since 1970. */
const START_MS = 1_893_456_000_000;

export class Scheduler {
  readonly random: SeededRandom;
  #nowMs = 0;
  #steps: Step[] = [];
  #count = 0;
  readonly #last: string[] = [];

  constructor(random: SeededRandom) {
    this.random = random;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Steps so far. */
  get count(): number {
    return this.#count;
  }

  readonly clock: Clock = {
    nowMs: () => START_MS + Math.floor(this.#nowMs),
    monotonicMs: () => this.#nowMs,
  };

  /** The last steps, the newest at the end. */
  lastSteps(): string[] {
    return this.#last;
  }

  after(owner: Owner, delayMs: number, what: string, run: () => void): void {
    this.#steps.push({ dueMs: this.#nowMs + delayMs, owner, what, run });
  }

  /** What `run` answers or throws, at some time after `delayMs`; never, if the owner dies before. */
  call<T>(owner: Owner, delayMs: number, what: string, run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(owner, delayMs, what, () => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  wait(owner: Owner, delayMs: number, what: string): Promise<void> {
    return this.call(owner, delayMs, what, () => undefined);
  }

  /** Takes one step and lets everything that follows from it in memory happen. False when nothing is left. */
  async step(): Promise<boolean> {
    this.#steps = this.#steps.filter(({ owner }) => owner.isAlive);
    const first = this.#steps.reduce((least, step) => Math.min(least, this.#dueMs(step)), Infinity);
    if (first === Infinity) return false;
    const limit = Math.max(first, this.#nowMs) + this.random.next() * ANY_ORDER_MS;
    const runnable = this.#steps.filter((step) => this.#dueMs(step) <= limit);
    const chosen = this.random.pick(runnable);
    this.#steps.splice(this.#steps.indexOf(chosen), 1);
    this.#nowMs = Math.max(this.#nowMs, this.#dueMs(chosen));
    this.#count += 1;
    this.note(`${chosen.owner.name}: ${chosen.what}`);
    chosen.run();
    await everythingInMemory();
    return true;
  }

  /** Leaves a line among the last steps. */
  note(line: string): void {
    this.#last.push(`${this.#nowMs.toFixed(1).padStart(9)} ${line}`);
    if (this.#last.length > LAST_STEPS) this.#last.shift();
  }

  #dueMs(step: Step): number {
    return Math.max(step.dueMs, step.owner.pausedUntilMs);
  }
}

/** Runs once no promise is left to go on: `setImmediate` comes behind all microtasks. It is not a timer. */
const everythingInMemory = () => new Promise((resolve) => setImmediate(resolve));

/** An error that the simulation planted, as opposed to one that the product made. */
export class PlannedFault extends Error {
  override readonly name = "PlannedFault";
}

export function isPlanned(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PlannedFault) return true;
  }
  return false;
}
