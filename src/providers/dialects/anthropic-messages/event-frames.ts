import { Failure } from "../../../lib/errors.ts";
import { readFrame, SseFrameTooLarge, SseSplitter } from "../../../lib/sse.ts";
import { parseRecord } from "../openai-chat/wire.ts";

/** What a provider's own tools have found comes in single frames; a frame beyond this is no answer of a model. */
const FRAME_BYTES_MAX = 8 * 1024 * 1024;
const BLANK_LINE = new TextEncoder().encode("\n\n");

/** The frames of a message's stream, as bytes. */
export class EventFrames {
  readonly #splitter = new SseSplitter({ frameBytesMax: FRAME_BYTES_MAX });

  /** @throws Failure for a frame that no model sends */
  take(chunk: Uint8Array): Uint8Array[] {
    try {
      return this.#splitter.take(chunk);
    } catch (cause) {
      if (!(cause instanceof SseFrameTooLarge)) throw cause;
      const code = "provider_malformed_answer";
      const message = "The provider sent a frame that is too large.";
      throw new Failure("upstream", message, { code, cause });
    }
  }

  /** A last frame without its blank line is completed; one cut in its middle is dropped. */
  end(): Uint8Array[] {
    const rest = this.#splitter.end();
    if (rest === undefined || parseRecord(readFrame(rest).data) === undefined) return [];
    return this.take(Buffer.concat([rest, BLANK_LINE]));
  }
}

/** Undefined for comments and malformed frames. The event's name is the body's `type` once more. */
export function readEvent(
  frame: Uint8Array,
): (Record<string, unknown> & { type: string }) | undefined {
  const { event, data } = readFrame(frame);
  const body = parseRecord(data);
  const type = body?.["type"] ?? event;
  return typeof type === "string" ? { ...body, type } : undefined;
}

/** What an event of type `error` says: an object of its own, the whole body, or no more than that there was one. */
export const errorOf = (event: Record<string, unknown>): unknown => event["error"] ?? event;
