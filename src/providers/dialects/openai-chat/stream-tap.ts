/**
 * Watches the bytes of a chat stream on their way to the client: they pass untouched, and what settlement
 * needs is read beside them.
 */
export class StreamTap {
  /** Saw `data: [DONE]`. */
  readonly done: boolean = false;
  /** The frame `data: [DONE]`, to be sent once the usage record is synced. */
  readonly heldDone: Uint8Array | undefined;
  /** The provider's usage object; the last one of a stream counts. */
  readonly usage: unknown;
  /** Saw a `finish_reason`: the answer is complete even where `[DONE]` is missing. */
  readonly finished: boolean = false;
  /** The error object of an error frame; the frame itself is not sent on. */
  readonly error: unknown;

  /** `hideUsage`: the client did not ask for usage, so the frame that carries only usage is left out. */
  constructor(options: { hideUsage: boolean }) {
    void options;
  }

  /** The bytes to send on now. */
  take(chunk: Uint8Array): Uint8Array[] {
    return [chunk];
  }

  /** The upstream closed: the rest to send on. A frame that was cut in the middle is dropped. */
  end(): Uint8Array[] {
    return [];
  }

  /** An estimate of the output tokens delivered so far, for streams whose usage never came. */
  countedOutputTokens(): number {
    return 0;
  }
}
