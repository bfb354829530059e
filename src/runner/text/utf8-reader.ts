/**
 * Turns tokens into text. One character may be spread over several tokens; it is held back until it is
 * whole, so that no half of it is ever sent.
 */
export type Detokenize = (tokens: readonly number[], before: readonly number[]) => string;

/** A character has at most four bytes, so that many tokens; more means that the bytes are not UTF-8. */
const HELD_TOKENS_MAX = 4;
/** Tokenizers decide about a leading space by what came before. */
const BEFORE_TOKENS = 3;
const REPLACEMENT = "\uFFFD";

export class Utf8Reader {
  readonly #detokenize: Detokenize;
  #before: number[];
  #held: number[] = [];

  constructor(detokenize: Detokenize, before: readonly number[]) {
    this.#detokenize = detokenize;
    this.#before = before.slice(-BEFORE_TOKENS);
  }

  /** The text that is whole with this token; empty while a character is incomplete. */
  take(token: number): string {
    this.#held.push(token);
    const text = this.#detokenize(this.#held, this.#before);
    if (text.endsWith(REPLACEMENT) && this.#held.length < HELD_TOKENS_MAX) return "";
    this.#forget();
    return text;
  }

  /** What was held back, when nothing follows any more: an incomplete character is left out. */
  end(): string {
    if (this.#held.length === 0) return "";
    const text = this.#detokenize(this.#held, this.#before);
    this.#forget();
    return text.replace(/\uFFFD+$/, "");
  }

  #forget(): void {
    this.#before = [...this.#before, ...this.#held].slice(-BEFORE_TOKENS);
    this.#held = [];
  }
}
