import type { Generation } from "./generation.ts";
import type { Part, StreamWriter } from "./stream-writer.ts";

/** Unsent bytes of a stream; a client that does not read stops the generation, as with a real model. */
const UNSENT_BYTES_MAX = 65_536;

const encoder = new TextEncoder();

/** Sends the parts of a stream when they are due, and stops generating as soon as the client has left. */
export class PacedBody {
  readonly #writer: StreamWriter;
  readonly #generation: Generation;
  #timer: Timer | undefined;
  #pending: Part | undefined;

  constructor(writer: StreamWriter, generation: Generation, first: Part | undefined) {
    this.#writer = writer;
    this.#generation = generation;
    this.#pending = first;
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => new Promise((resolve) => this.#sendWhenDue(controller, resolve)),
        cancel: () => this.#leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNSENT_BYTES_MAX }),
    );
  }

  /** A pull that sends nothing is not repeated, and timers may fire early: so it waits until it has sent. */
  #sendWhenDue(controller: ReadableStreamDefaultController<Uint8Array>, resolve: () => void): void {
    this.#timer = setTimeout(() => {
      if (this.#send(controller)) resolve();
      else this.#sendWhenDue(controller, resolve);
    }, Math.ceil(this.#generation.waitMs));
  }

  /** True when there was something to send. */
  #send(controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    const part = this.#pending ?? this.#writer.next();
    this.#pending = undefined;
    if (part.text !== "") controller.enqueue(encoder.encode(part.text));
    if (part.next === "close") controller.close();
    if (part.next === "reset") resetSoon(controller);
    return part.text !== "" || part.next !== "more";
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#generation.end("client_left");
  }
}

/** A reset overtakes what lies unread at the client, so it waits until that has been read. */
const UNTIL_RESET_MS = 20;

/** Bun resets the connection when a body fails; without a reason it writes nothing on stderr about it. */
function resetSoon(controller: ReadableStreamDefaultController<Uint8Array>): void {
  setTimeout(() => controller.error(undefined), UNTIL_RESET_MS);
}

/** A body that breaks off behind this text. */
export function brokenBody(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode(text));
      resetSoon(controller);
    },
  });
}
