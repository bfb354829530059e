/** Places for lines under way, shared fairly: whoever waits and has the fewest is served first, then who waits longest. */
type Waiting = { group: string; most: number; serve(count: number): void };

export class FairSlots {
  #free: number;
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();

  constructor(size: number) {
    this.#free = size;
  }

  /** At least one place, as many as `most` when nobody else waits. 0 when the signal is aborted. */
  take(group: string, most: number, signal: AbortSignal): Promise<number> {
    if (signal.aborted) return Promise.resolve(0);
    const { promise, resolve } = Promise.withResolvers<number>();
    const leave = () => {
      this.#waiting.delete(waiting);
      resolve(0);
    };
    const waiting: Waiting = {
      group,
      most,
      serve(count) {
        signal.removeEventListener("abort", leave);
        resolve(count);
      },
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#waiting.add(waiting);
    // In the next turn, so that all who come in this one are seen together.
    queueMicrotask(() => this.#serve());
    return promise;
  }

  giveBack(group: string, count: number): void {
    this.#free += count;
    const taken = (this.#taken.get(group) ?? 0) - count;
    if (taken > 0) this.#taken.set(group, taken);
    else this.#taken.delete(group);
    this.#serve();
  }

  #serve(): void {
    while (this.#free > 0 && this.#waiting.size > 0) {
      const next = this.#poorest();
      const share = Math.ceil(this.#free / this.#waiting.size);
      const count = Math.min(next.most, share);
      this.#waiting.delete(next);
      this.#free -= count;
      this.#taken.set(next.group, (this.#taken.get(next.group) ?? 0) + count);
      next.serve(count);
    }
  }

  #poorest(): Waiting {
    let poorest: Waiting | undefined;
    for (const waiting of this.#waiting) {
      const isPoorer =
        poorest === undefined || this.#takenBy(waiting.group) < this.#takenBy(poorest.group);
      if (isPoorer) poorest = waiting;
    }
    if (poorest === undefined) throw new Error("somebody waits");
    return poorest;
  }

  #takenBy(group: string): number {
    return this.#taken.get(group) ?? 0;
  }
}
