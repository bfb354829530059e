/**
 * Sends the lines of one batch to gateways until every line has its result, or the batch is cancelled or has expired.
 *
 * A line is marked as sent, with the number of its run, before it is sent. What became of the run is written down when it is
 * known; should we die before that, whoever comes next finds the line marked, and the row of its run says the rest.
 */
import {
  type Batch,
  endRuns,
  type LineResult,
  listSent,
  type RunEnd,
  readLinesLeft,
  refuseWaiting,
  type SentLine,
} from "../../domains/batches/index.ts";
import type { Clock } from "../../lib/clock.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import type { JobContext } from "../jobs/kind.ts";
import type { FairSlots } from "./fair-slots.ts";
import type { LineRunner } from "./line-runner.ts";
import { LineSource } from "./line-source.ts";
import type { Pace } from "./pace.ts";

export type SendingOptions = {
  batch: Batch;
  context: JobContext;
  runner: LineRunner;
  slots: FairSlots;
  pace: Pace;
  clock: Clock;
};

/** Lines that an earlier claim has left, looked after at once. */
const LEFT_AT_ONCE = 256;
/** How long to wait for news when there is nothing to send; news come earlier. */
const IDLE_MS = 500;
/** Whatever there is to wait for, the database is not asked more often. */
const WAIT_MS_MIN = 20;

export type SendingEnd = "all done" | "cancelled" | "expired" | "stopped";

export class LineSending {
  readonly #options: SendingOptions;
  /** Numbers of the lines whose end we wait for. */
  readonly #underWay = new Set<number>();
  #ends: RunEnd[] = [];
  #trouble: unknown;
  #news = Promise.withResolvers<void>();
  readonly #group: string;
  readonly #lines: LineSource;

  constructor(options: SendingOptions) {
    this.#options = options;
    this.#group = String(options.batch.organizationId);
    const { context, batch, clock } = options;
    this.#lines = new LineSource({ ...context, batchId: batch.batchId, clock });
    options.context.signal.addEventListener("abort", () => this.#tellNews(), { once: true });
  }

  async run(): Promise<SendingEnd> {
    const { context } = this.#options;
    await this.#lookAfterSent();
    for (;;) {
      await this.#writeEnds();
      if (context.signal.aborted) return "stopped";
      const closing = this.#whyClosing();
      if (closing !== undefined) return await this.#close(closing);
      if (await this.#sendSome()) continue;
      if (await this.#isAllDone()) return "all done";
    }
  }

  /** @returns false when nothing could be sent now: what there was to wait for has been waited for. */
  async #sendSome(): Promise<boolean> {
    const { pace, slots } = this.#options;
    const room = pace.roomBeside(this.#underWay.size);
    if (room === 0) {
      await this.#wait(pace.pausedMs() > 0 ? pace.pausedMs() : IDLE_MS);
      return true;
    }
    const places = await this.#takePlaces(room);
    const lines = places === 0 ? [] : await this.#take(places);
    if (places > lines.length) slots.giveBack(this.#group, places - lines.length);
    for (const line of lines) this.#begin(line, { hasPlace: true });
    return lines.length > 0;
  }

  /** Leaves the line for news: ends are written down, and a cancellation is heard, also while all places are taken. */
  async #takePlaces(room: number): Promise<number> {
    const leave = new AbortController();
    const timer = setTimeout(() => leave.abort(), IDLE_MS);
    void this.#nextNews().then(() => leave.abort());
    const places = await this.#options.slots.take(this.#group, room, leave.signal);
    clearTimeout(timer);
    return places;
  }

  async #take(limit: number): Promise<SentLine[]> {
    const { slots } = this.#options;
    try {
      const lines = await this.#lines.take(limit);
      if (lines.length > 0) faultPoint("worker: lines marked as sent");
      return lines;
    } catch (error) {
      slots.giveBack(this.#group, limit);
      throw error;
    }
  }

  #begin(line: SentLine, how: { hasPlace: boolean }): void {
    const { runner, slots } = this.#options;
    this.#underWay.add(line.number);
    const ended = how.hasPlace ? runner.send(line) : runner.lookAfter(line);
    void ended
      .then(
        (end) => {
          if (end !== undefined) this.#ends.push(end);
        },
        (error: unknown) => {
          this.#trouble ??= error;
        },
      )
      .finally(() => {
        // The number stays until the end is written down: until then the line looks sent.
        if (how.hasPlace) slots.giveBack(this.#group, 1);
        this.#tellNews();
      });
  }

  /** Lines of an earlier claim: answered, under way, or lost with somebody's death. */
  async #lookAfterSent(): Promise<void> {
    const { context, batch } = this.#options;
    const lines = await listSent(context.database, batch.batchId, {
      notNumbers: [...this.#underWay],
      limit: LEFT_AT_ONCE,
    });
    for (const line of lines) this.#begin(line, { hasPlace: false });
  }

  async #writeEnds(): Promise<void> {
    if (this.#trouble !== undefined) throw this.#trouble;
    if (this.#ends.length === 0) return;
    const ends = this.#ends;
    this.#ends = [];
    faultPoint("worker: line answered, not written down");
    await endRuns(this.#options.context.database, this.#options.batch.batchId, ends);
    for (const { number } of ends) this.#underWay.delete(number);
  }

  /** Nothing is left to send. Waits for what is under way, or for when a line may be sent again. */
  async #isAllDone(): Promise<boolean> {
    const { context, batch } = this.#options;
    const left = await readLinesLeft(context.database, batch.batchId);
    if (left.waiting + left.sent === 0 && this.#underWay.size === 0) return true;
    if (left.sent > this.#underWay.size) await this.#lookAfterSent();
    await this.#wait(left.waiting > 0 ? Math.min(left.nextInMs, IDLE_MS) : IDLE_MS);
    return false;
  }

  #whyClosing(): "cancelled" | "expired" | undefined {
    const { context, batch, clock } = this.#options;
    if (context.isCancelAsked()) return "cancelled";
    return clock.nowMs() >= batch.expiresAt.getTime() ? "expired" : undefined;
  }

  /** What is under way comes to its end, for it is paid; what was not sent will not be. */
  async #close(why: "cancelled" | "expired"): Promise<SendingEnd> {
    const { context, batch } = this.#options;
    const { database, signal } = context;
    await this.#lookAfterSent();
    for (;;) {
      await this.#writeEnds();
      if (signal.aborted) return "stopped";
      await refuseWaiting(database, batch.batchId, unsent[why]);
      const left = await readLinesLeft(database, batch.batchId);
      if (left.waiting + left.sent === 0 && this.#underWay.size === 0) return why;
      if (left.sent > this.#underWay.size) await this.#lookAfterSent();
      await this.#wait(IDLE_MS);
    }
  }

  async #wait(ms: number): Promise<void> {
    if (this.#ends.length > 0) return;
    await Promise.race([this.#nextNews(), Bun.sleep(Math.max(ms, WAIT_MS_MIN))]);
  }

  /** A line has ended, or we are to stop. */
  #nextNews(): Promise<void> {
    this.#news = Promise.withResolvers<void>();
    if (this.#options.context.signal.aborted) this.#news.resolve();
    return this.#news.promise;
  }

  #tellNews(): void {
    this.#news.resolve();
  }
}

const unsent: Readonly<Record<"cancelled" | "expired", LineResult>> = {
  cancelled: {
    code: "batch_cancelled",
    message: "This request was not sent because the batch was cancelled.",
  },
  expired: {
    code: "batch_expired",
    message: "This request was not sent before the completion window of the batch expired.",
  },
};
