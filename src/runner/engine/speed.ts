/** Tokens per second over the last seconds, and totals since the start. */
import type { Clock } from "../../lib/clock.ts";

const WINDOW_SECONDS = 10;

export class Speed {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #prompt = new Array<number>(WINDOW_SECONDS).fill(0);
  readonly #completion = new Array<number>(WINDOW_SECONDS).fill(0);
  #second = 0;
  #promptTotal = 0;
  #cachedTotal = 0;
  #completionTotal = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  addPrompt(tokens: number): void {
    this.#promptTotal += tokens;
    this.#add(this.#prompt, tokens);
  }

  addCached(tokens: number): void {
    this.#cachedTotal += tokens;
  }

  addCompletion(tokens: number): void {
    this.#completionTotal += tokens;
    this.#add(this.#completion, tokens);
  }

  get facts() {
    this.#forgetOld();
    const perSecond = (window: readonly number[]): number =>
      window.reduce((sum, tokens) => sum + tokens, 0) / WINDOW_SECONDS;
    return {
      promptTokensTotal: this.#promptTotal,
      cachedTokensTotal: this.#cachedTotal,
      completionTokensTotal: this.#completionTotal,
      promptTokensPerSecond: perSecond(this.#prompt),
      completionTokensPerSecond: perSecond(this.#completion),
    };
  }

  #add(window: number[], tokens: number): void {
    this.#forgetOld();
    const at = this.#second % WINDOW_SECONDS;
    window[at] = (window[at] ?? 0) + tokens;
  }

  #forgetOld(): void {
    const now = Math.floor((this.#clock.monotonicMs() - this.#startedMs) / 1_000);
    const passed = Math.min(now - this.#second, WINDOW_SECONDS);
    for (let index = 1; index <= passed; index++) {
      const at = (this.#second + index) % WINDOW_SECONDS;
      this.#prompt[at] = 0;
      this.#completion[at] = 0;
    }
    this.#second = now;
  }
}
