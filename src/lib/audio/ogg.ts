/** Ogg with Opus, Vorbis, FLAC or Speex. https://www.rfc-editor.org/rfc/rfc3533 https://www.rfc-editor.org/rfc/rfc7845 */
import type { AudioLength } from "./audio-length.ts";
import { asciiAt, secondsForBytes, viewOf } from "./bytes.ts";

const PAGE_HEAD_BYTES = 27;
/** Of 255 segments at least one page has 4 bytes; a file of 25 MB has a few thousand. */
const PAGES_MAX = 200_000;
/** Above what these codecs use: a file whose times say more bytes to the second lies. */
const BYTES_PER_SECOND_MAX = 192_000;
const OPUS_RATE = 48_000;

type Page = {
  start: number;
  end: number;
  segments: Uint8Array;
  granule: number;
  isContinued: boolean;
};
/** How a codec's time is told: by its packets, or by the places of its pages. */
type Codec = { rate: number; countsPackets: boolean };

export function readOgg(bytes: Uint8Array): AudioLength | undefined {
  const first = pageAt(bytes, 0);
  const codec = first === undefined ? undefined : codecOf(bytes, first);
  if (codec === undefined) return undefined;
  let samples = 0;
  let at = 0;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = pageAt(bytes, at);
    if (page === undefined) break;
    samples = codec.countsPackets
      ? samples + opusSamples(bytes, page)
      : Math.max(samples, page.granule);
    at = page.end;
  }
  if (samples === 0) return undefined;
  const seconds = samples / codec.rate;
  const unread = secondsForBytes(Math.max(bytes.length - at, 0));
  return { seconds, secondsMax: Math.max(seconds, bytes.length / BYTES_PER_SECOND_MAX) + unread };
}

function pageAt(bytes: Uint8Array, at: number): Page | undefined {
  if (asciiAt(bytes, at, 4) !== "OggS" || at + PAGE_HEAD_BYTES > bytes.length) return undefined;
  const view = viewOf(bytes);
  const start = at + PAGE_HEAD_BYTES + (bytes[at + 26] ?? 0);
  const segments = bytes.subarray(at + PAGE_HEAD_BYTES, start);
  const granule = view.getBigInt64(at + 6, true);
  return {
    start,
    end: segments.reduce((sum, length) => sum + length, start),
    segments,
    // -1: no packet ends on this page.
    granule: Math.max(Number(granule), 0),
    isContinued: ((bytes[at + 5] ?? 0) & 1) === 1,
  };
}

function codecOf(bytes: Uint8Array, { start }: Page): Codec | undefined {
  if (asciiAt(bytes, start, 8) === "OpusHead") return { rate: OPUS_RATE, countsPackets: true };
  const rateAt = asciiAt(bytes, start + 1, 6) === "vorbis" ? start + 12 : speexRateAt(bytes, start);
  if (rateAt === undefined || rateAt + 4 > bytes.length) return flacIn(bytes, start);
  const rate = viewOf(bytes).getUint32(rateAt, true);
  return rate === 0 ? undefined : { rate, countsPackets: false };
}

const speexRateAt = (bytes: Uint8Array, start: number): number | undefined =>
  asciiAt(bytes, start, 8) === "Speex   " ? start + 36 : undefined;

/** The mapping's head, then FLAC's own mark and block. */
function flacIn(bytes: Uint8Array, start: number): Codec | undefined {
  if (asciiAt(bytes, start + 1, 4) !== "FLAC" || start + 31 > bytes.length) return undefined;
  const rate = viewOf(bytes).getUint32(start + 27) >>> 12;
  return rate === 0 ? undefined : { rate, countsPackets: false };
}

/** Each packet says in its first byte how long it is. https://www.rfc-editor.org/rfc/rfc6716#section-3.1 */
function opusSamples(bytes: Uint8Array, page: Page): number {
  let samples = 0;
  let at = page.start;
  let isBeginning = !page.isContinued;
  for (const length of page.segments) {
    const isHead = /^Opus(Head|Tags)$/.test(asciiAt(bytes, at, 8));
    if (isBeginning && length > 0 && !isHead) samples += packetSamples(bytes, at);
    isBeginning = length < 255;
    at += length;
  }
  return samples;
}

function packetSamples(bytes: Uint8Array, at: number): number {
  const toc = bytes[at] ?? 0;
  const frames = [1, 2, 2, (bytes[at + 1] ?? 0) & 63][toc & 3] ?? 1;
  return frames * frameSamples(toc >> 3);
}

/** Milliseconds by configuration: SILK 10 to 60, hybrid 10 or 20, CELT 2.5 to 20. */
function frameSamples(config: number): number {
  const ms =
    config < 12
      ? [10, 20, 40, 60][config % 4]
      : config < 16
        ? [10, 20][config % 2]
        : [2.5, 5, 10, 20][config % 4];
  return ((ms ?? 0) * OPUS_RATE) / 1_000;
}
