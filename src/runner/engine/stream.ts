/** One answer that is being generated, between the HTTP side that wants it and the engine that makes it. */
import type { LlamaGrammarEvaluationState, TokenBias } from "node-llama-cpp";
import type { Sampling } from "./pick-token.ts";

/** What the engine did for a stream so far, in tokens; it only grows, and is right at every moment. */
export type TokenCount = {
  /** Of the prompt, template included: evaluated, or found evaluated. */
  prompt: number;
  /** Of those, found evaluated. */
  cached: number;
  /** Generated, including the token that ended the turn. */
  completion: number;
};

export type Finish = "stop" | "length" | "tool_calls";

/** Receives the tokens of a stream as they are generated. */
export type TokenReader = {
  /** Returns why the answer is complete with this token, or undefined while it goes on. */
  take(token: number, probabilities: ReadonlyMap<number, number> | undefined): Finish | undefined;
  /** Restricts the next token. */
  grammar(): LlamaGrammarEvaluationState | undefined;
};

export type StreamRequest = {
  /** Who shares queue turns and prefixes. */
  tenant: string;
  prompt: readonly number[];
  maxTokens: number;
  sampling: Sampling & {
    seed: number;
    frequencyPenalty: number;
    presencePenalty: number;
    bias: TokenBias | undefined;
  };
  /** The reader needs the probabilities of every token. */
  probabilities: boolean;
  /** The token that ends a turn does not end the answer. */
  endless: boolean;
  reader: TokenReader;
  count: TokenCount;
  signal: AbortSignal;
};

/** `cancelled`: the signal was aborted; what was counted until then was done. */
export type Outcome = Finish | "cancelled";
