import { readFrame, type SseFrame, SseFrameTooLarge, SseSplitter } from "../../../lib/sse.ts";
import { malformedStream } from "../../neutral/malformed-stream.ts";
import { parseRecord } from "./wire.ts";

/** Audio and images come in single frames; a frame beyond this is no answer of a model. */
const FRAME_BYTES_MAX = 8 * 1024 * 1024;
const BLANK_LINE = new TextEncoder().encode("\n\n");

/** The frames of a chat stream, as bytes. */
export class ChunkFrames {
  readonly #splitter = new SseSplitter({ frameBytesMax: FRAME_BYTES_MAX });

  /** @throws Failure for a frame that no model sends */
  take(chunk: Uint8Array): Uint8Array[] {
    try {
      return this.#splitter.take(chunk);
    } catch (cause) {
      if (!(cause instanceof SseFrameTooLarge)) throw cause;
      throw malformedStream("a frame that is too large", cause);
    }
  }

  /** A last frame without its blank line is completed; one cut in its middle is dropped. */
  end(): Uint8Array[] {
    const rest = this.#splitter.end();
    if (rest === undefined) return [];
    const frame = readFrame(rest);
    if (!isDone(frame) && parseRecord(frame.data?.trim()) === undefined) return [];
    return this.take(Buffer.concat([rest, BLANK_LINE]));
  }
}

export function isDone({ data }: SseFrame): boolean {
  return data?.trim() === "[DONE]";
}
