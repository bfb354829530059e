/**
 * Takes one member out of a zip archive, which is what a Python wheel is, without unpacking the rest.
 * Archives beyond 4 GiB (zip64) are refused. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { Failure } from "../../lib/errors.ts";

type Member = {
  name: string;
  method: number;
  crc: number;
  packedBytes: number;
  bytes: number;
  /** Where the member's local header begins. */
  headerAt: number;
};

const END_SIGNATURE = 0x06054b50;
const DIRECTORY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const DIRECTORY_BYTES_MAX = 16 << 20;
const STORED = 0;
const DEFLATED = 8;
const ZIP64 = 0xffffffff;

export async function unzipMember(options: {
  archive: string;
  member: string;
  to: string;
  signal: AbortSignal;
}): Promise<void> {
  const file = await open(options.archive, "r");
  try {
    const member = await findMember(file, options);
    const dataAt = await findData(file, member, options.archive);
    await unpack(member, dataAt, options);
  } finally {
    await file.close();
  }
}

async function findMember(
  file: FileHandle,
  options: { archive: string; member: string },
): Promise<Member> {
  for (const member of await readDirectory(file, options.archive)) {
    if (member.name === options.member) return member;
  }
  throw new Failure("invalid", `${options.archive} holds no ${options.member}`);
}

async function readDirectory(file: FileHandle, archive: string): Promise<Member[]> {
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - END_BYTES - COMMENT_BYTES_MAX), size);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw broken(archive);
  const bytes = tail.readUInt32LE(end + 12);
  const at = tail.readUInt32LE(end + 16);
  if (bytes > DIRECTORY_BYTES_MAX || at + bytes > size) throw broken(archive);
  return readMembers(await readAt(file, at, at + bytes), archive);
}

function readMembers(directory: Buffer, archive: string): Member[] {
  const members: Member[] = [];
  let at = 0;
  while (at + 46 <= directory.length) {
    if (directory.readUInt32LE(at) !== DIRECTORY_SIGNATURE) throw broken(archive);
    const nameBytes = directory.readUInt16LE(at + 28);
    members.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerAt: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return members;
}

/** The local header repeats the name and has extra fields of its own length. */
async function findData(file: FileHandle, member: Member, archive: string): Promise<number> {
  const header = await readAt(file, member.headerAt, member.headerAt + 30);
  if (header.length < 30 || header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw broken(archive);
  if (member.bytes === ZIP64 || member.packedBytes === ZIP64) {
    throw new Failure("invalid", `${archive} is a zip64 archive, which cannot be read here`);
  }
  return member.headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function unpack(
  member: Member,
  dataAt: number,
  options: { archive: string; to: string; signal: AbortSignal },
): Promise<void> {
  if (member.method !== STORED && member.method !== DEFLATED) {
    throw new Failure("invalid", `${options.archive} uses compression ${member.method}`);
  }
  const packed = createReadStream(options.archive, {
    start: dataAt,
    end: dataAt + member.packedBytes - 1,
    highWaterMark: 1 << 20,
  });
  const check = new Check(member, options.archive);
  const out = createWriteStream(options.to, { highWaterMark: 1 << 20, mode: 0o600 });
  const signal = options.signal;
  if (member.method === STORED) await pipeline(packed, check, out, { signal });
  else await pipeline(packed, createInflateRaw(), check, out, { signal });
}

/** Passes the bytes on while it counts them; a wrong count or checksum fails the pipeline. */
class Check extends Transform {
  readonly #member: Member;
  readonly #archive: string;
  #bytes = 0;
  #crc = 0;

  constructor(member: Member, archive: string) {
    super();
    this.#member = member;
    this.#archive = archive;
  }

  override _transform(chunk: Buffer, _: string, done: (error?: Error, out?: Buffer) => void): void {
    this.#bytes += chunk.length;
    this.#crc = crc32(chunk, this.#crc);
    // Ends a bomb as soon as it is larger than it says.
    if (this.#bytes > this.#member.bytes) done(broken(this.#archive));
    else done(undefined, chunk);
  }

  override _flush(done: (error?: Error) => void): void {
    const right = this.#bytes === this.#member.bytes && this.#crc === this.#member.crc;
    done(right ? undefined : broken(this.#archive));
  }
}

async function readAt(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(to - from);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
  return buffer.subarray(0, bytesRead);
}

const broken = (archive: string): Failure =>
  new Failure("invalid", `${archive} is not a whole zip archive`);
