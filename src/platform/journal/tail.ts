/** Reads a journal in order, while it is still being written or after its process has ended. */
import type { JournalDisk, JournalFile } from "./disk.ts";
import {
  decodeHeader,
  decodeRecordAt,
  HEADER_BYTES,
  type JournalEntry,
  PAYLOAD_BYTES_MAX,
  RECORD_HEADER_BYTES,
} from "./format.ts";

/** Room for the longest record: a read that fills it proves that the writer has not rolled over yet. */
const READ_BYTES = RECORD_HEADER_BYTES + PAYLOAD_BYTES_MAX;

type Segment = {
  name: string;
  file: JournalFile;
  position: number;
  /** So close to its end that the next record may stand in the following segment. */
  isNearEnd: boolean;
};

export class JournalTail {
  readonly #disk: JournalDisk;
  #segment: Segment | undefined;
  #nextSequence: bigint;
  #buffer = Buffer.allocUnsafe(READ_BYTES);

  /** @param ackedSequence records up to this one are posted already and are passed over. */
  constructor(disk: JournalDisk, ackedSequence: bigint) {
    this.#disk = disk;
    this.#nextSequence = ackedSequence + 1n;
  }

  /**
   * The records that have become readable, at most about 256 KiB of them; empty at the end. A record that is torn is the
   * end: it was never durable, so nobody was told that it was.
   *
   * @throws Error when records are missing between two segments, which no crash can cause.
   */
  async next(): Promise<JournalEntry[]> {
    for (;;) {
      this.#segment ??= await this.#openFirst();
      const segment = this.#segment;
      if (segment === undefined) return [];
      const entries = await this.#readFrom(segment);
      if (entries.length > 0 || !segment.isNearEnd) return entries;
      const following = await this.#openFollowing(segment);
      if (following === undefined) return [];
      // The writer may have finished this segment between the two looks at the disk.
      const late = await this.#readFrom(segment);
      if (late.length > 0) {
        await following.file.close();
        return late;
      }
      await segment.file.close();
      this.#segment = following;
    }
  }

  /** Removes segments that hold only records up to the sequence, but never the one being written. */
  async removeUpTo(ackedSequence: bigint): Promise<void> {
    const names = await this.#disk.list();
    for (const [i, name] of names.entries()) {
      const following = names[i + 1];
      if (following === undefined || name === this.#segment?.name) return;
      const first = await this.#firstSequence(following);
      if (first === undefined || first - 1n > ackedSequence) return;
      await this.#disk.remove(name);
    }
  }

  async close(): Promise<void> {
    await this.#segment?.file.close();
    this.#segment = undefined;
  }

  async #readFrom(segment: Segment): Promise<JournalEntry[]> {
    for (;;) {
      const length = await segment.file.read(this.#buffer, segment.position);
      segment.isNearEnd = length < READ_BYTES;
      const { entries, passed, lacks } = this.#decode(segment, this.#buffer.subarray(0, length));
      segment.position += passed;
      if (entries.length > 0) return entries;
      if (passed === 0 && lacks <= this.#buffer.length) return [];
      // Only posted records were passed over, or one record is longer than the buffer: read on.
      if (lacks > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(lacks);
    }
  }

  #decode(segment: Segment, bytes: Buffer) {
    const entries: JournalEntry[] = [];
    let passed = 0;
    for (;;) {
      const decoded = decodeRecordAt(bytes, passed);
      if (decoded.state !== "record") {
        return { entries, passed, lacks: decoded.state === "more" ? decoded.bytes : 0 };
      }
      passed = decoded.end;
      const { sequence } = decoded.entry;
      if (sequence < this.#nextSequence) continue;
      if (sequence > this.#nextSequence) {
        throw new Error(
          `journal segment ${segment.name}: record ${this.#nextSequence} is missing before ${sequence}`,
        );
      }
      this.#nextSequence += 1n;
      entries.push(decoded.entry);
    }
  }

  async #openFirst(): Promise<Segment | undefined> {
    const [name] = await this.#disk.list();
    return name === undefined ? undefined : await this.#openInUse(name);
  }

  async #openFollowing(segment: Segment): Promise<Segment | undefined> {
    const names = await this.#disk.list();
    const name = names.find((candidate) => candidate > segment.name);
    return name === undefined ? undefined : await this.#openInUse(name);
  }

  async #openInUse(name: string): Promise<Segment | undefined> {
    const file = await this.#disk.openForReading(name);
    const header = Buffer.alloc(HEADER_BYTES);
    const length = await file.read(header, 0);
    if (decodeHeader(header.subarray(0, length)) !== undefined) {
      return { name, file, position: HEADER_BYTES, isNearEnd: false };
    }
    await file.close();
    return undefined;
  }

  async #firstSequence(name: string): Promise<bigint | undefined> {
    const file = await this.#disk.openForReading(name);
    try {
      const header = Buffer.alloc(HEADER_BYTES);
      const length = await file.read(header, 0);
      return decodeHeader(header.subarray(0, length));
    } finally {
      await file.close();
    }
  }
}
