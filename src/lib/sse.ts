/**
 * Splits the bytes of a `text/event-stream` into frames. A frame is everything up to and including the blank
 * line that ends it, so the frames of a stream joined together are the stream, byte for byte.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class SseSplitter {
  constructor(options: { frameBytesMax: number }) {
    void options;
  }

  /** The frames that `chunk` completes: views of the chunk where it holds them whole. */
  take(chunk: Uint8Array): Uint8Array[] {
    void chunk;
    throw new Error("to come");
  }

  /** What is left when the stream ends: a frame without its blank line, or nothing. */
  end(): Uint8Array | undefined {
    return undefined;
  }
}

/** The `data` of a frame, its lines joined by LF; undefined for frames of comments only. */
export function dataOf(frame: Uint8Array): string | undefined {
  void frame;
  return undefined;
}
