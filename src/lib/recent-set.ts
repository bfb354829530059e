/** The last so many different values that were added; older ones are forgotten. */
export class RecentSet {
  readonly #values = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  has(value: string): boolean {
    return this.#values.has(value);
  }

  add(value: string): void {
    // Added anew, so that the set's order is that of the last addition.
    this.#values.delete(value);
    this.#values.add(value);
    if (this.#values.size <= this.#max) return;
    const oldest = this.#values.values().next().value;
    if (oldest !== undefined) this.#values.delete(oldest);
  }
}
