/**
 * Hands items from the engine, which never waits, to a response, which reads when its client does. An answer
 * has an end, so what a slow client leaves lying is bounded by the model's limit.
 */
export class Pipe<Item> {
  #items: Item[] = [];
  #ended: { failure: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(item: Item): void {
    this.#items.push(item);
    this.#notify();
  }

  /** Nothing follows. With a failure, it is thrown to the reader after what came before it. */
  end(failure?: unknown): void {
    this.#ended ??= { failure };
    this.#notify();
  }

  /** Waits for the next items and takes all that are there; an empty list is the end. */
  async take(): Promise<Item[]> {
    while (this.#items.length === 0 && this.#ended === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#items.length > 0) return this.#items.splice(0);
    if (this.#ended?.failure !== undefined) throw this.#ended.failure;
    return [];
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
