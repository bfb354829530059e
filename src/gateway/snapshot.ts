/**
 * Keys, models and prices in memory, so that no call waits for PostgreSQL. Read again when PostgreSQL says
 * that something changed, at latest every few seconds, and before a key or model is called unknown.
 *
 * Invariant: a snapshot is replaced whole, never changed in place.
 */
import type { Principal } from "../domains/identity/index.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import type { ServedModel } from "./plan-chat.ts";

export type SnapshotContent = {
  principals: ReadonlyMap<string, Principal>;
  models: ReadonlyMap<string, ServedModel>;
};

export type SnapshotOptions = {
  read(): Promise<SnapshotContent>;
  clock: Clock;
  log: Log;
};

/** Unknown names may make us look again this often at most, so that junk cannot flood the database. */
const MISS_INTERVAL_MS = 250;
/** A caller with an unknown name waits no longer than this for a second look. */
const MISS_WAIT_MS = 1_000;

export class Snapshot {
  readonly #options: SnapshotOptions;
  #content: SnapshotContent = { principals: new Map(), models: new Map() };
  #reading: Promise<void> | undefined;
  #isStale = false;
  #readStartedMs = Number.NEGATIVE_INFINITY;
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

  /** Looks once more before a name is called unknown: it may have been created a moment ago. */
  async lookAgain(sinceMs: number): Promise<void> {
    if (this.#readStartedMs > sinceMs) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#reading === undefined && nowMs - this.#readStartedMs < MISS_INTERVAL_MS) {
      await Bun.sleep(MISS_INTERVAL_MS - (nowMs - this.#readStartedMs));
      if (this.#readStartedMs > sinceMs) return;
    }
    const refreshed = this.refresh().catch(() => undefined);
    await Promise.race([refreshed, Bun.sleep(MISS_WAIT_MS)]);
  }

  async #readUntilFresh(): Promise<void> {
    do {
      this.#isStale = false;
      this.#readStartedMs = this.#options.clock.monotonicMs();
      try {
        this.#content = await this.#options.read();
        this.verifiedKeys = new Map();
        this.isLoaded = true;
      } catch (error) {
        this.#options.log.warn(
          "keys and models could not be read again; the last ones stay in use",
          {
            error,
          },
        );
        throw error;
      }
    } while (this.#isStale);
  }
}
