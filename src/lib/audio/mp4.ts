/** MP4 and M4A: the length of the longest sound track. https://developer.apple.com/documentation/quicktime-file-format */
import type { AudioLength } from "./audio-length.ts";
import { asciiAt, viewOf } from "./bytes.ts";

/** Above what sound in MP4 uses: a file whose times say more bytes to the second is a film, or lies. */
const BYTES_PER_SECOND_MAX = 192_000;
const BOXES_MAX = 10_000;

type Box = { type: string; start: number; end: number };

export function readMp4(bytes: Uint8Array): AudioLength | undefined {
  if (asciiAt(bytes, 4, 4) !== "ftyp") return undefined;
  const whole = { type: "", start: 0, end: bytes.length };
  const moov = boxesIn(bytes, whole).find(({ type }) => type === "moov");
  if (moov === undefined) return undefined;
  const tracks = boxesIn(bytes, moov).filter(({ type }) => type === "trak");
  const seconds = Math.max(0, ...tracks.map((track) => soundSeconds(bytes, track)));
  // 0: the length stands in fragments that follow.
  if (seconds === 0) return undefined;
  return { seconds, secondsMax: Math.max(seconds, bytes.length / BYTES_PER_SECOND_MAX) };
}

function boxesIn(bytes: Uint8Array, parent: Box): Box[] {
  const boxes: Box[] = [];
  const view = viewOf(bytes);
  let at = parent.start;
  while (at + 8 <= parent.end && boxes.length < BOXES_MAX) {
    const short = view.getUint32(at);
    const isLong = short === 1 && at + 16 <= parent.end;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : short;
    const head = isLong ? 16 : 8;
    // 0: to the end. Less than its own head: broken.
    const end = size === 0 ? parent.end : Math.min(at + Math.max(size, head), parent.end);
    boxes.push({ type: asciiAt(bytes, at + 4, 4), start: at + head, end });
    at = end;
  }
  return boxes;
}

function soundSeconds(bytes: Uint8Array, track: Box): number {
  const media = boxesIn(bytes, track).find(({ type }) => type === "mdia");
  const boxes = media === undefined ? [] : boxesIn(bytes, media);
  const handler = boxes.find(({ type }) => type === "hdlr");
  const head = boxes.find(({ type }) => type === "mdhd");
  const isSound = handler !== undefined && asciiAt(bytes, handler.start + 8, 4) === "soun";
  return isSound && head !== undefined ? secondsIn(bytes, head) : 0;
}

/** Version 1 has times of 64 bits. */
function secondsIn(bytes: Uint8Array, { start, end }: Box): number {
  const isLong = bytes[start] === 1;
  if (start + (isLong ? 32 : 20) > end) return 0;
  const view = viewOf(bytes);
  const scale = view.getUint32(start + (isLong ? 20 : 12));
  const duration = isLong ? Number(view.getBigUint64(start + 24)) : view.getUint32(start + 16);
  const isUnknown = duration === 0xffff_ffff || duration > Number.MAX_SAFE_INTEGER;
  return scale === 0 || isUnknown ? 0 : duration / scale;
}
