/**
 * Posts one gateway's journal to the ledger, in order.
 *
 * Acknowledged is only what lies before the oldest intent that has no terminal state yet: a worker that starts
 * anew finds every open intent in the journal again.
 */
import type { LedgerStore, PostBatch } from "../domains/ledger/index.ts";
import {
  decodeRecord,
  type Intent,
  type UsageEvent,
  usageEventId,
} from "../domains/metering/index.ts";
import { faultPoint } from "../platform/fault-point.ts";
import type { JournalDisk } from "../platform/journal/disk.ts";
import type { JournalEntry } from "../platform/journal/format.ts";
import { JournalTail } from "../platform/journal/tail.ts";

export type PosterOptions = {
  gatewayId: string;
  disk: JournalDisk;
  store: LedgerStore;
  /** Usage events in one statement. */
  batchSize: number;
};

type OpenIntent = { intent: Intent; sequence: bigint };

export class JournalPoster {
  readonly #options: PosterOptions;
  readonly #openIntents = new Map<string, OpenIntent>();
  #tail: JournalTail | undefined;
  #lastSequence = 0n;
  #removedUpTo = 0n;

  constructor(options: PosterOptions) {
    this.#options = options;
  }

  /** Posts what has become readable. Returns how many records were read; 0 at the journal's present end. */
  step(): Promise<number> {
    return this.#orReadAgain(async () => {
      this.#tail ??= await this.#openTail();
      const entries = await this.#tail.next();
      if (entries.length === 0) return 0;
      const batches = this.#toBatches(entries);
      faultPoint("worker: records read, not posted");
      for (const batch of batches) await this.#options.store.post(batch);
      faultPoint("worker: records posted, segments not removed");
      await this.#removePosted(this.#tail);
      return entries.length;
    });
  }

  /** Dispatched and without a terminal state, by what was read so far. */
  openIntents(): Intent[] {
    return [...this.#openIntents.values()].map(({ intent }) => intent);
  }

  /** Posts terminal states that the gateway itself can no longer write. */
  postRecovered(events: readonly UsageEvent[]): Promise<void> {
    return this.#orReadAgain(async () => {
      for (const event of events) this.#openIntents.delete(usageEventId(event));
      await this.#options.store.post(this.#batch({ events, closedLeaseIds: [] }));
    });
  }

  async close(): Promise<void> {
    const tail = this.#tail;
    this.#tail = undefined;
    this.#openIntents.clear();
    await tail?.close();
  }

  /**
   * After any trouble all that was read is forgotten and read again from what the ledger has acknowledged by then:
   * posting a record twice is safe, passing one over is not.
   */
  async #orReadAgain<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  async #openTail(): Promise<JournalTail> {
    const { store, gatewayId, disk } = this.#options;
    const acked = await store.ackedSequence(gatewayId);
    this.#lastSequence = acked;
    this.#removedUpTo = acked;
    return new JournalTail(disk, acked);
  }

  #toBatches(entries: readonly JournalEntry[]): PostBatch[] {
    const batches: PostBatch[] = [];
    let events: UsageEvent[] = [];
    let closedLeaseIds: bigint[] = [];
    const finish = () => {
      batches.push(this.#batch({ events, closedLeaseIds }));
      events = [];
      closedLeaseIds = [];
    };
    for (const { sequence, payload } of entries) {
      const record = decodeRecord(payload);
      this.#lastSequence = sequence;
      if (record.type === "intent") {
        this.#openIntents.set(usageEventId(record.intent), { intent: record.intent, sequence });
      } else if (record.type === "usage") {
        this.#openIntents.delete(usageEventId(record.event));
        events.push(record.event);
      } else {
        closedLeaseIds.push(record.leaseId);
      }
      if (events.length >= this.#options.batchSize) finish();
    }
    finish();
    return batches;
  }

  #batch(content: Pick<PostBatch, "events" | "closedLeaseIds">): PostBatch {
    // Intents stand in the map in the order of the journal, so the first one is the oldest.
    const oldest = this.#openIntents.values().next().value;
    const ackedSequence = oldest === undefined ? this.#lastSequence : oldest.sequence - 1n;
    return { ...content, gatewayId: this.#options.gatewayId, ackedSequence };
  }

  /** Segments are deleted only after PostgreSQL has acknowledged them. */
  async #removePosted(tail: JournalTail): Promise<void> {
    const { ackedSequence } = this.#batch({ events: [], closedLeaseIds: [] });
    if (ackedSequence <= this.#removedUpTo) return;
    await tail.removeUpTo(ackedSequence);
    this.#removedUpTo = ackedSequence;
  }
}
