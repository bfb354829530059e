/**
 * Bytes of a journal segment. All numbers are little-endian.
 *
 * header (16 bytes): magic (8), sequence of the first record (8). All zero while the segment is prepared but
 * not yet in use.
 * record: length of the payload (4), CRC-32C of sequence and payload (4), sequence (8), payload (UTF-8).
 * A segment is filled with zeros beforehand, so a length of zero is its end, and a write never has to grow the file.
 */
import { crc32c } from "../../lib/crc32c.ts";

export const HEADER_BYTES = 16;
export const RECORD_HEADER_BYTES = 16;
/** A usage record is below 1 KiB; the rest is room for a provider's unusual usage object. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;

const MAGIC = Buffer.from("BLJRNL01", "latin1");

export type JournalEntry = { sequence: bigint; payload: string };

export function encodeHeader(firstSequence: bigint): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64LE(firstSequence, 8);
  return header;
}

/** The first sequence of a segment, or undefined while it is not in use. */
export function decodeHeader(header: Buffer): bigint | undefined {
  if (header.length < HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC)) return undefined;
  return header.readBigUInt64LE(8);
}

/** Writes one record at `offset` and returns the offset behind it. */
export function encodeRecordInto(target: Buffer, offset: number, entry: JournalEntry): number {
  const start = offset + RECORD_HEADER_BYTES;
  const length = target.write(entry.payload, start, "utf8");
  target.writeUInt32LE(length, offset);
  target.writeBigUInt64LE(entry.sequence, offset + 8);
  target.writeUInt32LE(crc32c(target, offset + 8, start + length), offset + 4);
  return start + length;
}

export type Decoded =
  | { state: "record"; entry: JournalEntry; end: number }
  /** No record here: the end, a record still being written, or one torn by a crash. */
  | { state: "end" }
  /** The record may go on beyond the bytes at hand. */
  | { state: "more"; bytes: number };

export function decodeRecordAt(bytes: Buffer, offset: number): Decoded {
  if (offset + RECORD_HEADER_BYTES > bytes.length) {
    return { state: "more", bytes: RECORD_HEADER_BYTES };
  }
  const length = bytes.readUInt32LE(offset);
  if (length === 0 || length > PAYLOAD_BYTES_MAX) return { state: "end" };
  const start = offset + RECORD_HEADER_BYTES;
  if (start + length > bytes.length) {
    return { state: "more", bytes: RECORD_HEADER_BYTES + length };
  }
  if (crc32c(bytes, offset + 8, start + length) !== bytes.readUInt32LE(offset + 4)) {
    return { state: "end" };
  }
  const payload = bytes.toString("utf8", start, start + length);
  return {
    state: "record",
    entry: { sequence: bytes.readBigUInt64LE(offset + 8), payload },
    end: start + length,
  };
}
