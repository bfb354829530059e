/** RIFF/WAVE and its long forms. http://soundfile.sapp.org/doc/WaveFormat/ */
import type { AudioLength } from "./audio-length.ts";
import { asciiAt, viewOf } from "./bytes.ts";

/** PCM, floating point, A-law, µ-law, and the form that says its bits apart: all of a fixed rate. */
const FIXED_RATE = new Set([1, 3, 6, 7, 0xfffe]);
/** A writer that did not know the length when it began. */
const UNKNOWN_SIZES = new Set([0, 0xffff_ffff]);
const HEADER_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;

export function readWav(bytes: Uint8Array): AudioLength | undefined {
  if (!/^(RIFF|RF64|BW64)$/.test(asciiAt(bytes, 0, 4)) || asciiAt(bytes, 8, 4) !== "WAVE") {
    return undefined;
  }
  const view = viewOf(bytes);
  let rate: number | undefined;
  let at = HEADER_BYTES;
  while (at + CHUNK_HEAD_BYTES <= bytes.length) {
    const name = asciiAt(bytes, at, 4);
    const size = view.getUint32(at + 4, true);
    const start = at + CHUNK_HEAD_BYTES;
    if (name === "fmt " && start + 16 <= bytes.length) rate = bytesPerSecond(view, start);
    if (name === "data") {
      const rest = bytes.length - start;
      const told = UNKNOWN_SIZES.has(size) ? rest : Math.min(size, rest);
      return rate === undefined ? undefined : { seconds: told / rate, secondsMax: rest / rate };
    }
    // Chunks begin at even places.
    at = start + size + (size % 2);
  }
  return undefined;
}

/** From what a decoder uses, not from the rate that stands beside it. */
function bytesPerSecond(view: DataView, at: number): number | undefined {
  const channels = view.getUint16(at + 2, true);
  const samples = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  const rate = (samples * channels * bits) / 8;
  return FIXED_RATE.has(view.getUint16(at, true)) && rate > 0 ? rate : undefined;
}
