/**
 * An append-only journal with group commit: one loop takes every record that waits, writes them with one
 * `write`, makes them durable with one `fdatasync`, and then lets all their writers go on.
 *
 * After a failed write or sync nothing is known about the pages in memory, so the journal refuses for good
 * (see "Can Applications Recover from fsync Failures?", USENIX ATC 2020). A full disk is noticed before it
 * hurts: the next segment is made ahead of time, and while it cannot be made no new work is taken, so that
 * the records of work under way still fit.
 */
import { assert, Failure } from "../../lib/errors.ts";
import { faultPoint } from "../fault-point.ts";
import type { JournalDisk, JournalFile } from "./disk.ts";
import { encodeHeader, encodeRecordInto, HEADER_BYTES, PAYLOAD_BYTES_MAX } from "./format.ts";

export type JournalOptions = {
  disk: JournalDisk;
  segmentBytes: number;
  /** Records that one write may take: bounds how long the last of them waits. */
  groupMaxRecords: number;
  /** Waits between tries to make the next segment while the disk is full. */
  wait(ms: number): Promise<void>;
  onTrouble(message: string, error: unknown): void;
};

type Waiting = { sequence: bigint; payload: string; done(): void; fail(error: Failure): void };

const RETRY_MS = 1_000;
const RECORD_HEADER_BYTES_MAX = 16;
/** UTF-8 needs at most three bytes for each UTF-16 unit. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

export const segmentName = (number: number): string => `${String(number).padStart(8, "0")}.log`;

export class Journal {
  readonly #options: JournalOptions;
  #waiting: Waiting[] = [];
  #isWriting = false;
  #sequence = 0n;
  #segmentNumber: number;
  #file: JournalFile;
  #position = HEADER_BYTES;
  #next: JournalFile | undefined;
  #preparing: Promise<void> | undefined;
  #failure: unknown;
  #isFull = false;
  #isClosed = false;
  #idle: (() => void) | undefined;
  #buffer = Buffer.allocUnsafe(64 * 1024);

  private constructor(options: JournalOptions, first: JournalFile) {
    this.#options = options;
    this.#file = first;
    this.#segmentNumber = 1;
  }

  /** Opens a journal in an empty folder: each process start writes a journal of its own. */
  static async open(options: JournalOptions): Promise<Journal> {
    const first = await options.disk.create(segmentName(1), options.segmentBytes);
    await first.write(encodeHeader(1n), 0);
    await first.sync();
    const journal = new Journal(options, first);
    journal.#prepareNext();
    return journal;
  }

  /** Why no new work may be taken, as a sentence for operators; undefined while all is well. */
  whyRefusing(): string | undefined {
    if (this.#failure !== undefined)
      return "the usage journal could not be written; restart the gateway when the disk is sound";
    if (this.#isClosed) return "the gateway is stopping";
    if (this.#isFull && this.#position > this.#options.segmentBytes / 2) {
      return "the disk is full, so usage could not be recorded; free some space";
    }
    return undefined;
  }

  /**
   * Resolves when the record is durable.
   *
   * @throws Failure `overloaded` when it cannot be made durable any more.
   */
  append(payload: string): Promise<void> {
    assert(payload.length * UTF8_BYTES_PER_UNIT_MAX <= PAYLOAD_BYTES_MAX, "a record is too large");
    if (this.#failure !== undefined) return Promise.reject(this.#refusal());
    this.#sequence += 1n;
    const sequence = this.#sequence;
    return new Promise((done, fail) => {
      this.#waiting.push({ sequence, payload, done, fail });
      if (this.#isWriting) return;
      this.#isWriting = true;
      // One turn later, so that everything of this turn shares the first write as well.
      queueMicrotask(() => void this.#writeAll());
    });
  }

  /** Writes what waits and closes the files. The records stay, to be posted. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#isWriting) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#preparing;
    await this.#next?.close();
    await this.#file.close();
  }

  /** Sequence of the last record that was accepted. */
  get lastSequence(): bigint {
    return this.#sequence;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0 && this.#failure === undefined) {
      const group = this.#waiting.splice(0, this.#options.groupMaxRecords);
      try {
        await this.#writeGroup(group);
        for (const record of group) record.done();
      } catch (error) {
        this.#failure = error;
        this.#options.onTrouble(
          "the usage journal could not be written; no more work is taken",
          error,
        );
        for (const record of group) record.fail(this.#refusal());
      }
    }
    for (const record of this.#waiting.splice(0)) record.fail(this.#refusal());
    this.#isWriting = false;
    this.#idle?.();
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    let end = 0;
    for (const record of group) {
      this.#reserve(end, record.payload);
      const after = encodeRecordInto(this.#buffer, end, record);
      if (this.#position + after > this.#options.segmentBytes) {
        // What fits stays in this segment; the record that does not begins the next one.
        if (end > 0) await this.#writeBytes(end);
        await this.#roll(record.sequence);
        end = encodeRecordInto(this.#buffer, 0, record);
      } else {
        end = after;
      }
    }
    if (end > 0) await this.#writeBytes(end);
  }

  async #writeBytes(length: number): Promise<void> {
    await this.#file.write(this.#buffer.subarray(0, length), this.#position);
    faultPoint("journal: records on the disk, writers not told");
    await this.#file.sync();
    this.#position += length;
  }

  #reserve(used: number, payload: string): void {
    const needed = used + RECORD_HEADER_BYTES_MAX + payload.length * UTF8_BYTES_PER_UNIT_MAX;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, used);
    this.#buffer = larger;
  }

  async #roll(firstSequence: bigint): Promise<void> {
    // The next segment was begun long ago; if the disk is full this waits until there is room again.
    while (this.#next === undefined) {
      this.#prepareNext();
      await this.#preparing;
    }
    const full = this.#file;
    this.#file = this.#next;
    this.#next = undefined;
    this.#segmentNumber += 1;
    faultPoint("journal: next segment taken, header not written");
    await this.#file.write(encodeHeader(firstSequence), 0);
    faultPoint("journal: next segment begun");
    this.#position = HEADER_BYTES;
    await full.close();
    this.#prepareNext();
  }

  #prepareNext(): void {
    if (this.#preparing !== undefined || this.#next !== undefined) return;
    this.#preparing = this.#createNext().finally(() => {
      this.#preparing = undefined;
    });
  }

  async #createNext(): Promise<void> {
    const { disk, segmentBytes, wait, onTrouble } = this.#options;
    // A journal that is being closed still needs room for the records that wait.
    while (!this.#isClosed || this.#isWriting) {
      try {
        this.#next = await disk.create(segmentName(this.#segmentNumber + 1), segmentBytes);
        this.#isFull = false;
        return;
      } catch (error) {
        if (!this.#isFull)
          onTrouble("the next journal segment could not be made; trying again", error);
        this.#isFull = true;
        await wait(RETRY_MS);
      }
    }
  }

  #refusal(): Failure {
    return new Failure(
      "overloaded",
      "Usage cannot be recorded at the moment, so no calls are taken.",
      {
        code: "journal_unavailable",
        retryAfterSeconds: 5,
        cause: this.#failure,
      },
    );
  }
}
