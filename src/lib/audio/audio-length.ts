/**
 * How long a recording is, read from its container: what a transcription costs is known before it is asked for.
 * Nothing is decoded. A file may lie about itself; then its bytes bound it.
 */
import { secondsForBytes } from "./bytes.ts";
import { readFlac } from "./flac.ts";
import { readMp3 } from "./mp3.ts";
import { readMp4 } from "./mp4.ts";
import { readOgg } from "./ogg.ts";
import { readWav } from "./wav.ts";
import { readWebm } from "./webm.ts";

export type AudioLength = {
  /** As the file tells it, or an estimate where it does not. */
  seconds: number;
  /** Upper bound. */
  secondsMax: number;
};

/** @returns undefined for what is not in this format, or does not tell its length. */
export type ReadAudioLength = (bytes: Uint8Array) => AudioLength | undefined;

const readers: readonly ReadAudioLength[] = [
  readWav,
  readFlac,
  readOgg,
  readMp4,
  readWebm,
  readMp3,
];

/** Compressed speech and music: 64 kbit/s. */
const BYTES_PER_SECOND_USUAL = 8_000;

export function measureAudio(bytes: Uint8Array): AudioLength {
  for (const read of readers) {
    const length = read(bytes);
    if (length !== undefined) return length;
  }
  return {
    seconds: bytes.length / BYTES_PER_SECOND_USUAL,
    secondsMax: secondsForBytes(bytes.length),
  };
}
