/** https://www.rfc-editor.org/rfc/rfc9639 */
import type { AudioLength } from "./audio-length.ts";
import { asciiAt, viewOf } from "./bytes.ts";

/** The mark, the head of the first block, and the block, which is always the stream's own description. */
const STREAMINFO_AT = 8;
const STREAMINFO_BYTES = 34;

/** 20 bits of rate, 3 of channels, 5 of sample size, 36 of samples. */
export function readFlac(bytes: Uint8Array): AudioLength | undefined {
  if (asciiAt(bytes, 0, 4) !== "fLaC") return undefined;
  if (bytes.length < STREAMINFO_AT + STREAMINFO_BYTES) return undefined;
  const view = viewOf(bytes);
  const packed = view.getUint32(STREAMINFO_AT + 10);
  const rate = packed >>> 12;
  const channels = ((packed >>> 9) & 7) + 1;
  const bits = ((packed >>> 4) & 31) + 1;
  const samples = (packed & 15) * 2 ** 32 + view.getUint32(STREAMINFO_AT + 14);
  // 0: the writer did not know how many would come.
  if (rate === 0 || samples === 0) return undefined;
  const seconds = samples / rate;
  // What is compressed without loss is never much larger than what it came from.
  const secondsMin = bytes.length / ((rate * channels * bits) / 8);
  return { seconds, secondsMax: Math.max(seconds, secondsMin) };
}
