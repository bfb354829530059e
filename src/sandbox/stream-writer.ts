import { toErrorBody } from "../lib/errors.ts";
import type { Generation } from "./generation.ts";
import type { SandboxRequest } from "./read-request.ts";
import { refusalOf } from "./refusal.ts";
import { toUsage } from "./served.ts";
import { DONE_FRAME, type Frames, toFrame } from "./wire.ts";

/** `text`: the frames to send now; `next`: what follows them. */
export type Part = { text: string; next: "more" | "close" | "reset" };

const NEVER = Number.POSITIVE_INFINITY;
/** Bounds the bytes of one part; a fast client asks again at once. */
const PIECES_PER_PART = 512;
const MALFORMED_FRAME = toFrame('{"id":"chatcmpl-malformed","choices":[{"index":0,"delta":{"cont');

/** Writes the frames of an answer as its pieces become due, with the faults that the script asks for. */
export class StreamWriter {
  readonly #request: SandboxRequest;
  readonly #generation: Generation;
  readonly #frames: Frames;
  #hasBegun = false;
  #hasSentMalformed = false;

  constructor(request: SandboxRequest, generation: Generation, frames: Frames) {
    this.#request = request;
    this.#generation = generation;
    this.#frames = frames;
  }

  /** Everything that is due by now. */
  next(): Part {
    const { script } = this.#request;
    const cutAt = script.cut_after_tokens ?? NEVER;
    const errorAt = script.error?.after_tokens ?? NEVER;
    const malformedAt = this.#hasSentMalformed ? NEVER : (script.malformed_after_tokens ?? NEVER);
    const text = this.#due(Math.min(cutAt, errorAt, malformedAt));
    const { usage, isComplete } = this.#generation;
    const tokens = usage.completion_tokens;
    if (tokens >= cutAt) return this.#over("cut", { text, next: "reset" });
    if (tokens >= errorAt && script.error !== undefined) {
      const frame = toFrame(JSON.stringify(toErrorBody(refusalOf(script.error))));
      return this.#over("failed", { text: text + frame, next: "close" });
    }
    if (tokens >= malformedAt) {
      this.#hasSentMalformed = true;
      return { text: text + MALFORMED_FRAME, next: "more" };
    }
    if (!isComplete) return { text, next: "more" };
    const last = this.#last();
    return this.#over("answered", { text: text + last, next: "close" });
  }

  #over(outcome: "answered" | "cut" | "failed", part: Part): Part {
    this.#generation.end(outcome);
    return part;
  }

  #due(stopAtTokens: number): string {
    const { choices } = this.#generation;
    const steps = this.#generation.take(PIECES_PER_PART, stopAtTokens);
    let text = this.#begin(steps.length > 0);
    for (const step of steps) {
      const choice = choices[step.choice];
      if (choice !== undefined)
        text += this.#frames.piece(choice, { ...step, ...this.#usageSoFar() });
    }
    return text;
  }

  /** Roles come with the first piece: nothing is sent before a model has begun to answer. */
  #begin(isDue: boolean): string {
    if (this.#hasBegun || !isDue) return "";
    this.#hasBegun = true;
    return this.#generation.choices.map((_, index) => this.#frames.role(index)).join("");
  }

  #last(): string {
    const { choices, usage } = this.#generation;
    const { includeUsage, script } = this.#request;
    this.#generation.countSilentChoices();
    let text = this.#begin(true);
    for (const [index, { finishReason }] of choices.entries()) {
      text += this.#frames.finish(index, finishReason);
    }
    if (includeUsage && script.omit_usage !== true) text += this.#frames.usage(toUsage(usage));
    return text + DONE_FRAME;
  }

  #usageSoFar(): { usage?: unknown } {
    const { repeat_usage: repeat } = this.#request.script;
    return repeat === true ? { usage: toUsage(this.#generation.usage) } : {};
  }
}
