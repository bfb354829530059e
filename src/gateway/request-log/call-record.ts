/** One call on its way into the request log: what was asked and answered, where its organization wants that. */
import type { RequestLogging } from "../../domains/identity/index.ts";
import type { CallObservation } from "../observe/observation.ts";

/** Of what was asked and of what was answered: a long conversation, and few calls in the memory of a busy gateway. */
export const SIDE_BYTES_MAX = 256 * 1024;
/** So that a secret is still recognised where the log is cut in the middle of it. */
const BEYOND_BYTES = 4 * 1024;

/** The beginning of what one side said. */
export class Side {
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  contentType = "";

  get weight(): number {
    return Math.min(this.#bytes, SIDE_BYTES_MAX + BEYOND_BYTES);
  }

  get isCut(): boolean {
    return this.#bytes > SIDE_BYTES_MAX;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }

  add(piece: Uint8Array): void {
    const room = SIDE_BYTES_MAX + BEYOND_BYTES - this.#bytes;
    this.#bytes += piece.length;
    // Copied: what a piece is a view of may be large, or be used again.
    if (room > 0) this.#pieces.push(piece.slice(0, room));
  }
}

export type EndedCall = {
  seen: CallObservation;
  logging: RequestLogging;
  request: Side;
  response: Side;
};

export class CallRecord {
  readonly #logging: RequestLogging;
  readonly #keep: (call: EndedCall) => void;
  readonly #request = new Side();
  readonly #response = new Side();

  constructor(logging: RequestLogging, keep: (call: EndedCall) => void) {
    this.#logging = logging;
    this.#keep = keep;
  }

  /** The body of the request. */
  asked(bytes: Uint8Array): void {
    if (this.#logging.mode === "full") this.#request.add(bytes);
  }

  /** A piece of the answer, as the client gets it. */
  answered(piece: Uint8Array, contentType: string): void {
    if (this.#logging.mode !== "full") return;
    this.#response.contentType = contentType;
    this.#response.add(piece);
  }

  /** What asks for no model is of interest only where it was refused. */
  end(seen: CallObservation): void {
    if (seen.operation === undefined && seen.failure === undefined) return;
    const [request, response] = [this.#request, this.#response];
    this.#keep({ seen, logging: this.#logging, request, response });
  }
}
