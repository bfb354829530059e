/**
 * How much of uploads a process holds at once. A recording or a picture is held from its first byte until its call has
 * been answered, and many of them at once would be the end of the process and of everybody else's calls.
 */
import { Failure } from "../../lib/errors.ts";

/** Ten of the largest recordings; each is copied once or twice more while it is sent. */
const UPLOAD_BYTES_MAX = 256 * 1024 * 1024;
const RETRY_SECONDS = 2;

export class UploadRoom {
  #free: number;

  constructor(bytesMax: number) {
    this.#free = bytesMax;
  }

  /** For one call; gives everything back when it is disposed of. */
  enter(): Upload {
    return new Upload((bytes) => this.#take(bytes));
  }

  #take(bytes: number): void {
    if (bytes > this.#free) throw full();
    this.#free -= bytes;
  }
}

export class Upload implements Disposable {
  readonly #take: (bytes: number) => void;
  #taken = 0;

  constructor(take: (bytes: number) => void) {
    this.#take = take;
  }

  /** @throws Failure `overloaded` when there is no room for so much more. */
  take(bytes: number): void {
    this.#take(bytes);
    this.#taken += bytes;
  }

  [Symbol.dispose](): void {
    this.#take(-this.#taken);
    this.#taken = 0;
  }
}

const full = (): Failure =>
  new Failure("overloaded", "Too much is being uploaded at the moment. Try again in a moment.", {
    code: "uploads_full",
    retryAfterSeconds: RETRY_SECONDS,
  });

/** Memory belongs to the process, so all that runs in it shares one room. */
export const uploadRoom = new UploadRoom(UPLOAD_BYTES_MAX);
