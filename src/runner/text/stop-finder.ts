/**
 * Finds stop strings in text that arrives in pieces. Text that may be the beginning of one is held back until
 * the next piece decides.
 */
export class StopFinder {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** The text that may be sent on. `found`: a stop string was reached; it and what follows it are dropped. */
  take(piece: string): { text: string; found: boolean } {
    if (this.#stops.length === 0) return { text: piece, found: false };
    const text = this.#held + piece;
    const at = this.#firstStop(text);
    if (at !== undefined) {
      this.#held = "";
      return { text: text.slice(0, at), found: true };
    }
    const keep = this.#longestBeginning(text);
    this.#held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), found: false };
  }

  /** What was held back, when nothing follows any more. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #firstStop(text: string): number | undefined {
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at !== -1);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  /** Length of the longest end of `text` that a stop string begins with. */
  #longestBeginning(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
