/**
 * The request log: what calls were, for organizations that want to look at them later. Ended calls wait in memory, and
 * are redacted, sealed and written a moment later. No call waits for that: what cannot be written is dropped and counted.
 */
import { setImmediate } from "node:timers/promises";
import type { Principal } from "../../domains/identity/index.ts";
import { insertCalls, type NewLoggedCall } from "../../domains/request-log/index.ts";
import type { Database } from "../../platform/db/database.ts";
import { isDatabaseUnavailable } from "../../platform/db/unavailable.ts";
import type { Log } from "../../platform/log.ts";
import type { Counter } from "../../platform/metrics.ts";
import { CallRecord, type EndedCall } from "./call-record.ts";
import { toLoggedCall } from "./to-logged-call.ts";

export type RequestLogOptions = {
  /** Connections of its own: calls never wait for those that wait for this. */
  database: Database;
  sealKey: string;
  written: Counter;
  dropped: Counter;
  log: Log;
  chance(): number;
};

const FLUSH_MS = 500;
/** A minute of a busy gateway without its database, and memory that it can spare. */
const WAITING_MAX = 10_000;
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** What one row weighs beside its content, roughly. */
const ROW_BYTES = 1_024;
/** Rows of one statement. */
const AT_ONCE = 100;

type Waiting = { call: EndedCall; bytes: number };

export class RequestLog {
  readonly #options: RequestLogOptions;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** Sealed, and not written: the database was away. */
  #ready: { rows: NewLoggedCall[]; bytes: number } | undefined;
  #isAway = false;
  #writing: Promise<void> | undefined;
  readonly #timer: Timer;

  constructor(options: RequestLogOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#flush(), FLUSH_MS);
  }

  /** @returns undefined for an organization without a log, and for a call that is not in its sample. */
  begin({ requestLog }: Principal): CallRecord | undefined {
    if (requestLog === null) return undefined;
    if (requestLog.sample < 1 && this.#options.chance() >= requestLog.sample) return undefined;
    return new CallRecord(requestLog, (call) => this.#keep(call));
  }

  /** Writes what is left; what cannot be written now is lost. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.#flush();
    const lost = this.#waiting.length + (this.#ready?.rows.length ?? 0);
    if (lost > 0) {
      this.#options.dropped.add(lost);
      this.#options.log.warn("calls could not be written into the request log", { calls: lost });
    }
    await this.#options.database.close();
  }

  #keep(call: EndedCall): void {
    const bytes = ROW_BYTES + call.request.weight + call.response.weight;
    if (this.#waiting.length >= WAITING_MAX || this.#bytes + bytes > WAITING_BYTES_MAX) {
      this.#options.dropped.add(1);
      return;
    }
    this.#waiting.push({ call, bytes });
    this.#bytes += bytes;
  }

  async #flush(): Promise<void> {
    if (this.#writing !== undefined) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#ready !== undefined || this.#waiting.length > 0) {
      this.#ready ??= await this.#seal();
      if (!(await this.#write(this.#ready.rows))) return;
      this.#bytes -= this.#ready.bytes;
      this.#ready = undefined;
    }
  }

  /** One after the other, with room between them: the same thread answers calls. */
  async #seal(): Promise<{ rows: NewLoggedCall[]; bytes: number }> {
    const { sealKey, dropped, log } = this.#options;
    const rows: NewLoggedCall[] = [];
    let sealedBytes = 0;
    for (const { call, bytes } of this.#waiting.splice(0, AT_ONCE)) {
      sealedBytes += bytes;
      try {
        rows.push(toLoggedCall(call, sealKey));
      } catch (error) {
        dropped.add(1);
        log.error("a call could not be brought into the request log", {
          requestId: call.seen.requestId,
          error,
        });
      }
      if (bytes > ROW_BYTES) await setImmediate();
    }
    return { rows, bytes: sealedBytes };
  }

  /** @returns false when these rows can be written later. */
  async #write(rows: readonly NewLoggedCall[]): Promise<boolean> {
    const { database, written, dropped, log } = this.#options;
    try {
      written.add(await insertCalls(database, rows));
      this.#isAway = false;
      return true;
    } catch (error) {
      if (isDatabaseUnavailable(error)) {
        if (!this.#isAway) log.warn("the request log waits for the database", { error });
        this.#isAway = true;
        return false;
      }
      dropped.add(rows.length);
      log.error("calls could not be written into the request log", { calls: rows.length, error });
      return true;
    }
  }
}
