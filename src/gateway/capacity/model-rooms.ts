/**
 * Room at models that may answer only so many calls at once, over all gateway processes of this machine. Calls for
 * which there is none wait in a fair queue, each process with its own, for a bounded time.
 */
import type { CallLimit } from "../../domains/identity/index.ts";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import type { SharedCounters } from "../../platform/shared-counters.ts";
import type { SharedGauges } from "../../platform/shared-gauges.ts";
import { FairQueue, type Waiting } from "./fair-queue.ts";

export type RoomsOptions = {
  gauges: SharedGauges;
  counters: SharedCounters;
  clock: Clock;
  /** Until a call that finds no room is refused. */
  waitMaxMs: number;
  /** Calls that wait for one model, in this process. */
  queueMax: number;
};

/** Whoever got in leaves exactly once. */
export type Seat = { release(): void };

export type Caller = {
  organizationId: bigint;
  rank: number;
  /** Aborted when the call is over before its turn. */
  signal: AbortSignal;
};

/** Room that another process has left is noticed this soon. */
const LOOK_MS = 20;
const MINUTE_MS = 60_000;

type Wake = (seat: Seat) => void;

type Room = { limit: CallLimit; queue: FairQueue<Wake>; look: Timer | undefined };

const NOTHING_TAKEN: Seat = { release: () => undefined };

export class ModelRooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Room>();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  /** Those that wait, by model. */
  waiting(): number {
    let sum = 0;
    for (const { queue } of this.#rooms.values()) sum += queue.length;
    return sum;
  }

  /** A seat without a wait; undefined when there is none, or others wait for it. */
  tryEnter(limit: CallLimit | undefined): Seat | undefined {
    if (limit?.concurrency == null) return NOTHING_TAKEN;
    const room = this.#rooms.get(limit.counter);
    if (room !== undefined && room.queue.length > 0) return undefined;
    return this.#take(limit);
  }

  /** @throws Failure `overloaded` when too many wait, or the wait takes too long; what the signal says when it ends. */
  async enter(limit: CallLimit, caller: Caller): Promise<Seat> {
    const seat = this.tryEnter(limit);
    if (seat !== undefined) return seat;
    const room = this.#roomOf(limit);
    if (room.queue.length >= this.#options.queueMax) throw crowded(limit);
    return await this.#wait(room, caller);
  }

  /** Counts a call of the model. @throws Failure `rate_limited`, without having counted it. */
  countCall({ rpm, tpm, counter, subject }: CallLimit): void {
    if (rpm === null && tpm === null) return;
    const { counters, clock } = this.#options;
    const nowMs = clock.nowMs();
    const minute = Math.floor(nowMs / MINUTE_MS);
    const count = counters.add(counter, minute, { requests: 1, tokens: 0 });
    const isOver = (rpm !== null && count.requests > rpm) || (tpm !== null && count.tokens >= tpm);
    if (!isOver) return;
    counters.add(counter, minute, { requests: -1, tokens: 0 });
    throw new Failure(
      "rate_limited",
      `There may be no more calls of ${subject} this minute. Wait a moment.`,
      {
        code: "model_rate_limited",
        retryAfterSeconds: Math.ceil((MINUTE_MS - (nowMs % MINUTE_MS)) / 1_000),
      },
    );
  }

  countTokens({ tpm, counter }: CallLimit, tokens: number): void {
    if (tpm === null) return;
    const minute = Math.floor(this.#options.clock.nowMs() / MINUTE_MS);
    this.#options.counters.add(counter, minute, { requests: 0, tokens });
  }

  #take(limit: CallLimit): Seat | undefined {
    if (!this.#options.gauges.enter(limit.counter, limit.concurrency ?? 0)) return undefined;
    let isReleased = false;
    return {
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#options.gauges.leave(limit.counter);
        const room = this.#rooms.get(limit.counter);
        if (room !== undefined) this.#serve(room);
      },
    };
  }

  #wait(room: Room, { organizationId, rank, signal }: Caller): Promise<Seat> {
    const { clock, waitMaxMs } = this.#options;
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", leave);
      };
      const waiting: Waiting<Wake> = {
        organizationId,
        rank,
        sinceMs: clock.monotonicMs(),
        item: (seat) => {
          end();
          resolve(seat);
        },
      };
      const giveUp = (error: unknown) => {
        end();
        room.queue.remove(waiting);
        reject(error);
      };
      const leave = () => giveUp(signal.reason);
      const timer = setTimeout(() => giveUp(crowded(room.limit)), waitMaxMs);
      signal.addEventListener("abort", leave, { once: true });
      room.queue.push(waiting);
      room.look ??= setInterval(() => this.#serve(room), LOOK_MS);
    });
  }

  #serve(room: Room): void {
    const { clock } = this.#options;
    for (let next = room.queue.peek(clock.monotonicMs()); next !== undefined; ) {
      const seat = this.#take(room.limit);
      if (seat === undefined) return;
      room.queue.remove(next);
      next.item(seat);
      next = room.queue.peek(clock.monotonicMs());
    }
    clearInterval(room.look);
    this.#rooms.delete(room.limit.counter);
  }

  #roomOf(limit: CallLimit): Room {
    let room = this.#rooms.get(limit.counter);
    if (room === undefined) {
      room = { limit, queue: new FairQueue(), look: undefined };
      this.#rooms.set(limit.counter, room);
    }
    // An operator may have changed it since.
    room.limit = limit;
    return room;
  }
}

const crowded = ({ subject, concurrency }: CallLimit): Failure =>
  new Failure(
    "overloaded",
    `There are as many calls of ${subject} as it answers at once (${concurrency}), and others wait. Try again later.`,
    { code: MODEL_AT_CAPACITY, retryAfterSeconds: 5 },
  );

export const MODEL_AT_CAPACITY = "model_at_capacity";
