/** MPEG audio, layers I to III: frames are counted, as a decoder would. http://www.mp3-tech.org/programmer/frame_header.html */
import type { AudioLength } from "./audio-length.ts";
import { asciiAt, secondsForBytes } from "./bytes.ts";

const TAG_HEAD_BYTES = 10;
const TAGS_MAX = 8;
const HEAD_BYTES = 4;
/** Junk between frames is looked through for the next one, but not for ever: what is left is bounded by its bytes. */
const SEARCHES_MAX = 1_000;
/** Two in a row: two bytes that look like a head are found in anything. */
const FRAMES_MIN = 2;

/** kbit/s, by version and layer; the first is "free", the last forbidden. */
const V1 = {
  1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
} as const;
const V2_LAYER1 = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256] as const;
const V2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160] as const;
/** Hz, by the two bits of the version: 2.5, none, 2, 1. */
const RATES: Readonly<Record<number, readonly number[]>> = {
  0: [11_025, 12_000, 8_000],
  2: [22_050, 24_000, 16_000],
  3: [44_100, 48_000, 32_000],
};

type Frame = { bytes: number; seconds: number };

export function readMp3(bytes: Uint8Array): AudioLength | undefined {
  let at = afterTags(bytes);
  let seconds = 0;
  let frames = 0;
  let searches = 0;
  while (at + HEAD_BYTES <= bytes.length && searches < SEARCHES_MAX) {
    const frame = frameAt(bytes, at);
    if (frame !== undefined) {
      frames += 1;
      seconds += frame.seconds;
      at += frame.bytes;
      continue;
    }
    if (frames < FRAMES_MIN) return undefined;
    searches += 1;
    const next = bytes.indexOf(0xff, at + 1);
    at = next === -1 ? bytes.length : next;
  }
  if (frames < FRAMES_MIN) return undefined;
  return { seconds, secondsMax: seconds + secondsForBytes(Math.max(bytes.length - at, 0)) };
}

/** Titles, covers and the like stand before the sound; some programs write them twice. */
function afterTags(bytes: Uint8Array): number {
  let at = 0;
  for (let tags = 0; tags < TAGS_MAX && asciiAt(bytes, at, 3) === "ID3"; tags++) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at + 6, at + TAG_HEAD_BYTES);
    // Seven bits to a byte, so that no size looks like the head of a frame.
    at += TAG_HEAD_BYTES + ((a & 127) << 21) + ((b & 127) << 14) + ((c & 127) << 7) + (d & 127);
  }
  return at;
}

function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  const [first = 0, second = 0, third = 0] = bytes.subarray(at, at + 3);
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return undefined;
  const version = (second >> 3) & 3;
  const layer = 4 - ((second >> 1) & 3);
  const rate = RATES[version]?.[(third >> 2) & 3];
  const kbits = bitrate(version, layer, third >> 4);
  if (rate === undefined || kbits === undefined || kbits === 0) return undefined;
  const padding = (third >> 1) & 1;
  const samples = samplesOf(version, layer);
  const unpadded = Math.floor((samples / 8) * ((kbits * 1_000) / rate));
  const length = layer === 1 ? (Math.floor(unpadded / 4) + padding) * 4 : unpadded + padding;
  return { bytes: length, seconds: samples / rate };
}

function bitrate(version: number, layer: number, index: number): number | undefined {
  if (layer !== 1 && layer !== 2 && layer !== 3) return undefined;
  if (version === 3) return V1[layer][index];
  return layer === 1 ? V2_LAYER1[index] : V2[index];
}

function samplesOf(version: number, layer: number): number {
  if (layer === 1) return 384;
  return layer === 3 && version !== 3 ? 576 : 1_152;
}
