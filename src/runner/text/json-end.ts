/**
 * Tells where a JSON object or array that arrives in pieces ends. The grammar keeps it well-formed; this only
 * counts brackets outside of strings, so that generation stops with the last one.
 */
export class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Index after the closing bracket in this piece; undefined while the value goes on. */
  take(piece: string): number | undefined {
    for (let index = 0; index < piece.length; index++) {
      if (this.#inString) this.#takeInString(piece[index]);
      else if (this.#takeOutside(piece[index])) return index + 1;
    }
    return undefined;
  }

  #takeInString(character: string | undefined): void {
    if (this.#escaped) this.#escaped = false;
    else if (character === "\\") this.#escaped = true;
    else if (character === '"') this.#inString = false;
  }

  #takeOutside(character: string | undefined): boolean {
    if (character === '"') this.#inString = true;
    else if (character === "{" || character === "[") this.#depth++;
    else if (character === "}" || character === "]") this.#depth--;
    return this.#depth === 0 && (character === "}" || character === "]");
  }
}
