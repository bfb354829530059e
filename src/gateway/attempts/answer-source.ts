/** The upstream's end of a stream: read piece by piece, with a watch for silence. */
import type { AnswerReader } from "../../providers/exchange.ts";

/** A connection is read to its end for so long, that it can go back to the pool. */
const DRAIN_MS = 1_000;

export type Piece = {
  /** Frames for the client. */
  frames: Uint8Array[];
  /** The upstream closed, or said that nothing more will come. */
  hasEnded: boolean;
};

export class AnswerSource {
  readonly reader: AnswerReader;
  readonly #body: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };
  readonly #stop: AbortController;
  readonly #silence: Timer;
  #isReading = false;
  #isSilent = false;
  #ahead: Piece | undefined;

  constructor(
    response: Response,
    options: { reader: AnswerReader; stop: AbortController; silenceTimeoutMs: number },
  ) {
    this.reader = options.reader;
    this.#stop = options.stop;
    this.#body = response.body?.getReader() ?? { read: async () => ({ done: true }) };
    this.#silence = setTimeout(() => this.#onSilence(), options.silenceTimeoutMs);
  }

  /** The upstream went silent, and was cut for it. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** The next piece. A piece without frames is possible. @throws what the upstream's body throws. */
  async read(): Promise<Piece> {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      this.#ahead = undefined;
      return ahead;
    }
    // Only the upstream can be silent: while the client takes its time, nobody is being read.
    this.#isReading = true;
    this.#silence.refresh();
    const { done, value } = await this.#body.read();
    this.#isReading = false;
    const frames = value === undefined ? [] : this.reader.take(value);
    if (done) frames.push(...this.reader.end());
    return { frames, hasEnded: done || this.reader.done };
  }

  /** Puts back what was read ahead, to be read first. */
  putBack(piece: Piece): void {
    this.#ahead = piece;
  }

  close(): void {
    clearTimeout(this.#silence);
  }

  /** Reads the end of the body, so that the connection goes back to the pool; one that does not end is cut. */
  async drain(): Promise<void> {
    const cut = setTimeout(() => this.#stop.abort(), DRAIN_MS);
    try {
      while (!(await this.#body.read()).done);
    } catch {
      // A connection that breaks behind the end of its answer has told all there was.
    } finally {
      clearTimeout(cut);
    }
  }

  #onSilence(): void {
    if (!this.#isReading) return;
    this.#isSilent = true;
    this.#stop.abort();
  }
}
