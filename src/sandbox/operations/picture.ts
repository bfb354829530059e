/** Small PNG files that every program can open. https://www.w3.org/TR/png-3/ */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** One bit for each pixel, which names one of two colours. */
const BITS = 1;
const PALETTE = 3;

/** Stripes of two colours that follow from the seed. */
export function drawPicture(size: { width: number; height: number }, seed: string): Buffer {
  const hash = Number(Bun.hash.wyhash(seed) & 0xffff_ffffn);
  const colours = Buffer.from(
    [hash, hash >> 8, hash >> 16, 255 - hash, hash >> 24, 128].map((byte) => byte & 255),
  );
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size.width, 0);
  header.writeUInt32BE(size.height, 4);
  header.set([BITS, PALETTE], 8);
  const rowBytes = 1 + Math.ceil(size.width / 8);
  const rows = Buffer.alloc(rowBytes * size.height);
  for (let y = 0; y < size.height; y += 2) rows.fill(0xff, y * rowBytes + 1, (y + 1) * rowBytes);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", colours),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(named, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
