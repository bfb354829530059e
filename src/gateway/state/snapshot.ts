/**
 * Keys, models and prices in memory, so that no call waits for PostgreSQL. Read again when PostgreSQL says
 * that something changed, at latest every few seconds, and before a key or model is called unknown.
 *
 * Invariant: a snapshot is replaced whole, never changed in place.
 */
import type { Principal } from "../../domains/identity/index.ts";
import type { Route } from "../../domains/routing/index.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ServedModel } from "../admit/candidate.ts";

export type SnapshotContent = {
  principals: ReadonlyMap<string, Principal>;
  models: ReadonlyMap<string, ServedModel>;
  /** By each name that clients call. */
  routes: ReadonlyMap<string, Route>;
};

export type SnapshotOptions = {
  read(): Promise<SnapshotContent>;
  clock: Clock;
  log: Log;
};

type Waiting = { sinceMs: number; isThere(): boolean; resolve(): void };

/** Unknown names may make us look again this often at most, so that junk cannot flood the database. */
const MISS_INTERVAL_MS = 250;
/** A caller with an unknown name waits no longer than this for a second look. */
const MISS_WAIT_MS = 1_000;

export class Snapshot {
  readonly #options: SnapshotOptions;
  #content: SnapshotContent = { principals: new Map(), models: new Map(), routes: new Map() };
  #reading: Promise<void> | undefined;
  #isStale = false;
  #readStartedMs = Number.NEGATIVE_INFINITY;
  readonly #waiting = new Set<Waiting>();
  #planned: Promise<void> | undefined;
  /** Keys that were verified against this content: saves an HMAC for each call. */
  verifiedKeys = new Map<string, Principal>();
  isLoaded = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  get principals(): ReadonlyMap<string, Principal> {
    return this.#content.principals;
  }

  get models(): ReadonlyMap<string, ServedModel> {
    return this.#content.models;
  }

  get routes(): ReadonlyMap<string, Route> {
    return this.#content.routes;
  }

  /** Reads again. Changes that arrive while a read is under way cause another one. */
  refresh(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#isStale = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilFresh().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * Looks again for a name that was not found: it may have been created a moment ago. Returns when it is there, or
   * when a read that began after the question has not found it either.
   */
  async lookAgain(isThere: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { sinceMs: this.#options.clock.monotonicMs(), isThere, resolve };
    this.#waiting.add(waiting);
    this.#planned ??= this.#readInTurn();
    await Promise.race([promise, Bun.sleep(MISS_WAIT_MS)]);
    this.#waiting.delete(waiting);
  }

  /** One read for all who wait, and not before its time. */
  async #readInTurn(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    const turnMs = this.#readStartedMs + MISS_INTERVAL_MS;
    await Bun.sleep(Math.max(turnMs - this.#options.clock.monotonicMs(), 0));
    this.#planned = undefined;
    // Another read, after a notice, may have served them meanwhile.
    if (this.#waiting.size > 0) await this.refresh().catch(() => undefined);
  }

  async #readUntilFresh(): Promise<void> {
    do {
      this.#isStale = false;
      const startedMs = this.#options.clock.monotonicMs();
      this.#readStartedMs = startedMs;
      try {
        this.#content = await this.#options.read();
        this.verifiedKeys = new Map();
        this.isLoaded = true;
        this.#release(startedMs);
      } catch (error) {
        this.#options.log.warn(
          "keys and models could not be read again; the last ones stay in use",
          { error },
        );
        // Nobody will know better soon.
        this.#release(Number.POSITIVE_INFINITY);
        throw error;
      }
    } while (this.#isStale);
  }

  #release(readStartedMs: number): void {
    for (const { sinceMs, isThere, resolve } of this.#waiting) {
      if (sinceMs < readStartedMs || isThere()) resolve();
    }
  }
}
