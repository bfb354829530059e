import type { Clock } from "../lib/clock.ts";
import { type PlannedAnswer, type PlannedChoice, tokensAfter } from "./plan-answer.ts";
import type { Script } from "./script.ts";
import type { Attempt, Outcome, Served, Totals } from "./served.ts";

/**
 * The progress of one answer: which piece is generated when, and what has been counted. Ends exactly once,
 * however it ends; what was generated until then stands.
 */
export class Generation {
  readonly choices: PlannedChoice[];
  readonly #served: Served;
  readonly #attempt: Attempt;
  readonly #script: Script;
  readonly #clock: Clock;
  readonly #startMs: number;
  /** Pieces go round the choices: the first of each, then the second of each. */
  readonly #steps: { choice: number; piece: number }[];
  /** Of this call; its attempt may have been called before. */
  readonly usage: Omit<Totals, "calls" | "quantities">;
  #next = 0;
  #isOver = false;

  constructor(
    answer: PlannedAnswer,
    options: { served: Served; attempt: Attempt; script: Script; clock: Clock },
  ) {
    this.choices = answer.choices;
    this.#served = options.served;
    this.#attempt = options.attempt;
    this.#script = options.script;
    this.#clock = options.clock;
    this.#startMs = options.clock.monotonicMs();
    this.usage = {
      prompt_tokens: answer.promptTokens,
      cached_tokens: answer.cachedTokens,
      completion_tokens: 0,
      reasoning_tokens: 0,
    };
    this.#steps = stepsOf(answer.choices);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isComplete(): boolean {
    return this.#next === this.#steps.length;
  }

  /** Until the next piece is due; 0 when it is. */
  get waitMs(): number {
    return Math.max(this.#dueMs(this.#next) - this.#clock.monotonicMs(), 0);
  }

  /** Until the last piece is due. */
  get remainingMs(): number {
    const last = Math.max(this.#steps.length - 1, 0);
    return Math.max(this.#dueMs(last) - this.#clock.monotonicMs(), 0);
  }

  /** The pieces that are due by now, `most` at once; they count as generated. */
  take(most: number, stopAtTokens: number): { choice: number; piece: number }[] {
    const taken: { choice: number; piece: number }[] = [];
    const nowMs = this.#clock.monotonicMs();
    let completion = 0;
    let reasoning = 0;
    while (taken.length < most && this.usage.completion_tokens + completion < stopAtTokens) {
      const step = this.#steps[this.#next];
      if (step === undefined || this.#dueMs(this.#next) > nowMs) break;
      const choice = this.choices[step.choice];
      if (choice !== undefined) {
        completion += tokensAfter(choice, step.piece + 1) - tokensAfter(choice, step.piece);
        if (step.piece === 0) reasoning += choice.reasoningTokens;
      }
      this.#next += 1;
      taken.push(step);
    }
    this.#count({ completion, reasoning });
    return taken;
  }

  /** Choices that say nothing still may have reasoned, or have a count that was given. */
  countSilentChoices(): void {
    const silent = this.choices.filter(({ pieces }) => pieces.length === 0);
    for (const choice of silent) {
      const reasoning = choice.reasoningTokens;
      this.#count({ completion: reasoning + choice.visibleTokens, reasoning });
    }
  }

  end(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#served.end(this.#attempt, outcome);
  }

  #count(tokens: { completion: number; reasoning: number }): void {
    this.usage.completion_tokens += tokens.completion;
    this.usage.reasoning_tokens += tokens.reasoning;
    this.#served.generate(this.#attempt, tokens);
  }

  /** Choices are generated side by side, so delays count per piece of one choice. */
  #dueMs(step: number): number {
    const piece = this.#steps[step]?.piece ?? 0;
    const perPiece = (this.#script.token_delay_ms ?? 0) * (this.#script.tokens_per_frame ?? 1);
    return this.#startMs + (this.#script.first_token_delay_ms ?? 0) + piece * perPiece;
  }
}

function stepsOf(choices: PlannedChoice[]): { choice: number; piece: number }[] {
  const longest = Math.max(...choices.map(({ pieces }) => pieces.length));
  const steps: { choice: number; piece: number }[] = [];
  for (let piece = 0; piece < longest; piece++) {
    for (const [choice, { pieces }] of choices.entries()) {
      if (piece < pieces.length) steps.push({ choice, piece });
    }
  }
  return steps;
}
