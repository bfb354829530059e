/** Files of the formats that weights come in, small enough to be made in a test. */
import { crc32, deflateRawSync } from "node:zlib";

/** A GGUF file with these entries, an array to skip, and some bytes in place of tensors. */
export function ggufOf(entries: Record<string, string | number>): Buffer<ArrayBuffer> {
  const text = (value: string) => Buffer.concat([uint64(value.length), Buffer.from(value)]);
  const parts = [Buffer.from("GGUF"), uint32(3), uint64(0)];
  parts.push(uint64(Object.keys(entries).length + 1));
  parts.push(text("tokenizer.ggml.tokens"), uint32(9), uint32(8), uint64(2), text("a"), text("b"));
  for (const [key, value] of Object.entries(entries)) {
    parts.push(text(key));
    if (typeof value === "string") parts.push(uint32(8), text(value));
    else parts.push(uint32(4), uint32(value));
  }
  return Buffer.concat([...parts, Buffer.alloc(4_000, "weights ")]);
}

/** Everything before the tensors. */
export const headerBytes = (file: Buffer) => file.indexOf("weights ");

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A zip archive; the first member is stored, the others are deflated. */
export function zipOf(members: Record<string, Buffer>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [index, [path, bytes]] of Object.entries(members).entries()) {
    const packed = index === 0 ? bytes : deflateRawSync(bytes);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(index === 0 ? 0 : 8, 4);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(packed.length, 14);
    facts.writeUInt32LE(bytes.length, 18);
    facts.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([uint32(0x04034b50), facts, Buffer.from(path), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    directory.push(
      Buffer.concat([uint32(0x02014b50), Buffer.alloc(2), facts, rest, Buffer.from(path)]),
    );
    locals.push(local);
    at += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...locals, entries, uint32(0x06054b50), end]);
}
