/**
 * Stored responses as a gateway process keeps and reads them: on database connections of their own, so that neither
 * waits for the leases that other calls need, nor makes them wait. An answer is stored after it has been sent; only what
 * belongs to a conversation is stored before its end is, because the next turn could not tell that something is missing.
 */
import {
  addItems,
  type Item,
  insertResponse,
  type NewResponse,
  ORGANIZATION_BYTES_MAX,
  PREVIOUS_NOT_FOUND,
  readStoredBytes,
  type Tenant,
} from "../../domains/conversations/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import type { Database } from "../../platform/db/database.ts";
import { isDatabaseUnavailable } from "../../platform/db/unavailable.ts";
import type { Log } from "../../platform/log.ts";

export type StoredResponsesOptions = {
  database: Database;
  clock: Clock;
  log: Log;
  /** An organization may forbid that anything of its calls is stored. */
  isForbidden(principal: Principal): boolean;
};

/** What is kept of one answer. */
export type KeptAnswer = NewResponse & {
  /** For its conversation, where it has one. */
  items: readonly Item[];
};

/** Answers that wait to be stored; more are answered, but not stored: the memory is needed for calls. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const WRITES_AT_ONCE = 2;
const ADDED_UP_MS = 60_000;
/** Whose sums are kept in memory. */
const ORGANIZATIONS_MAX = 10_000;
/** Together about 20 seconds: a database that restarts is back by then. */
const TRIES_MAX = 10;
const BACKOFF = { firstMs: 100, maxMs: 5_000 };

/**
 * How long a response that is not there is looked for again: it is stored a moment after its last byte has been sent,
 * and perhaps by another process.
 */
const MISS_WAITS_MS = [20, 50, 100, 200, 400];

export class StoredResponses {
  readonly database: Database;
  readonly #options: StoredResponsesOptions;
  readonly #waiting: { answer: KeptAnswer; bytes: number; end(): void }[] = [];
  #waitingBytes = 0;
  #isStopping = false;
  readonly #writers = new Set<Promise<void>>();
  /** By organization: what it had stored when it was last added up, and what we have stored since. */
  readonly #stored = new Map<bigint, { bytes: number; atMs: number }>();

  constructor(options: StoredResponsesOptions) {
    this.database = options.database;
    this.#options = options;
  }

  mayStore(principal: Principal): boolean {
    return !this.#options.isForbidden(principal);
  }

  /** @throws Failure `too_large` */
  async assertRoom(organizationId: bigint): Promise<void> {
    if (await this.#hasRoom(organizationId)) return;
    throw new Failure(
      "too_large",
      "Your organization has stored as much as it may. Delete responses or conversations that are no longer needed.",
      { code: "storage_full" },
    );
  }

  /**
   * Its failure is logged and nobody's else concern.
   *
   * @param bytes about what it weighs in memory.
   * @returns resolves when it is stored, or cannot be; never rejects.
   */
  async keep(answer: KeptAnswer, bytes: number): Promise<void> {
    if (this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      this.#options.log.error("a response is not stored: too many wait for the database", {
        responseId: answer.responseId,
      });
      return;
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#waiting.push({ answer, bytes, end });
    this.#waitingBytes += bytes;
    if (this.#writers.size < WRITES_AT_ONCE) {
      const writer = this.#writeAll().finally(() => this.#writers.delete(writer));
      this.#writers.add(writer);
    }
    await ended;
  }

  /** Asked again for a moment while the answer is that nothing is there. */
  async patiently<Found>(look: () => Promise<Found | undefined>): Promise<Found | undefined> {
    for (const waitMs of MISS_WAITS_MS) {
      const found = await look();
      if (found !== undefined) return found;
      await Bun.sleep(waitMs);
    }
    return await look();
  }

  /** Of questions that fail while the response they go on from is not there. */
  async untilThere<Found>(look: () => Promise<Found>): Promise<Found> {
    let missing: unknown;
    const found = await this.patiently(async () => {
      try {
        return { value: await look() };
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== PREVIOUS_NOT_FOUND) throw error;
        missing = error;
        return undefined;
      }
    });
    if (found === undefined) throw missing;
    return found.value;
  }

  /** Resolves when everything that was to be kept is stored, or has failed: nothing is tried again. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#writers);
    await this.database.close();
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#write(next.answer);
      next.end();
      this.#waitingBytes -= next.bytes;
      const stored = this.#stored.get(next.answer.organizationId);
      if (stored !== undefined) stored.bytes += next.bytes;
    }
  }

  async #write(answer: KeptAnswer): Promise<void> {
    const { log } = this.#options;
    const { responseId } = answer;
    for (let tries = 1; ; tries++) {
      try {
        await this.#insert(answer);
        return;
      } catch (error) {
        if (tries >= TRIES_MAX || this.#isStopping || !isDatabaseUnavailable(error)) {
          log.error("a response could not be stored", { responseId, error });
          return;
        }
        await Bun.sleep(backoffMs(BACKOFF, tries, 1));
      }
    }
  }

  /** What an organization stores is bounded: disks are shared, and answers to keys of mode `test` cost nothing. */
  async #hasRoom(organizationId: bigint): Promise<boolean> {
    const nowMs = this.#options.clock.monotonicMs();
    let stored = this.#stored.get(organizationId);
    if (stored === undefined || nowMs - stored.atMs > ADDED_UP_MS) {
      if (this.#stored.size >= ORGANIZATIONS_MAX) this.#stored.clear();
      stored = { bytes: await readStoredBytes(this.database, organizationId), atMs: nowMs };
      this.#stored.set(organizationId, stored);
    }
    return stored.bytes < ORGANIZATION_BYTES_MAX;
  }

  async #insert(answer: KeptAnswer): Promise<void> {
    const { conversationId, items, responseId, organizationId } = answer;
    if (!(await this.#hasRoom(organizationId))) {
      this.#options.log.warn("a response is not stored: its organization has stored too much", {
        responseId,
      });
      return;
    }
    if (conversationId !== null) await this.#append(answer, { conversationId, items });
    const isNew = await insertResponse(this.database.pool, answer);
    if (isNew) return;
    this.#options.log.warn("a provider has used the id of a stored response again", { responseId });
  }

  /** A conversation that is full takes no more; the response is there all the same. */
  async #append(
    tenant: Tenant,
    added: { conversationId: string; items: readonly Item[] },
  ): Promise<void> {
    try {
      await addItems(this.database, tenant, added);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { conversationId } = added;
      this.#options.log.warn("a conversation takes no more items", { conversationId, error });
    }
  }
}
