/**
 * One stream's samples, one at a time. The engine's own generator keeps one sampler for the whole stream, so
 * that its random numbers go on and are not drawn from the same seed for every token.
 */
import type { LlamaContextSequence, SequenceEvaluateOptions, Token } from "node-llama-cpp";
import { toTokens } from "./load-model.ts";
import { chancesFrom, pickToken } from "./pick-token.ts";
import type { StreamRequest } from "./stream.ts";

export type Sampled = { token: number; probabilities: ReadonlyMap<number, number> | undefined };

export type Generator = {
  /** Evaluates what is due and samples; undefined when nothing could be sampled. */
  next(): Promise<Sampled | undefined>;
  end(): Promise<void>;
};

type Samples = AsyncGenerator<
  { token: Token; probabilities?: Map<Token, number> },
  void,
  // biome-ignore lint/suspicious/noConfusingVoidType: the engine's own type
  void | Token | Token[]
>;

/** Penalties look at this many of the last tokens of the answer; the work per token grows with it. */
const PENALTY_TOKENS_MAX = 512;

/** `rest`: the end of the prompt, evaluated with the first sample. */
export function generate(
  sequence: LlamaContextSequence,
  rest: readonly number[],
  stream: StreamRequest,
): Generator {
  const { sampling, reader } = stream;
  const recent: Token[] = [];
  const penalised = sampling.frequencyPenalty !== 0 || sampling.presencePenalty !== 0;
  const options: SequenceEvaluateOptions = {
    // With probabilities the choice is made below, from the distribution as the model gave it.
    ...(stream.probabilities
      ? { temperature: 0 }
      : {
          temperature: sampling.temperature,
          topK: sampling.topK,
          topP: sampling.topP,
          minP: sampling.minP,
          seed: sampling.seed,
          grammarEvaluationState: () => reader.grammar(),
        }),
    ...(sampling.bias === undefined ? {} : { tokenBias: sampling.bias }),
    ...(penalised ? { repeatPenalty: penaltyOn(recent, sampling) } : {}),
    yieldEogToken: true,
  };
  const chance = chancesFrom(sampling.seed);
  const samples: Samples = stream.probabilities
    ? sequence.evaluateWithMetadata(toTokens(rest), { probabilities: true }, options)
    : sequence.evaluateWithMetadata(toTokens(rest), {}, options);
  let replacement: Token | undefined;

  return {
    async next() {
      const step = await samples.next(replacement);
      if (step.done) return undefined;
      const { token, probabilities } = step.value;
      const picked = probabilities ? pickToken(probabilities, sampling, chance()) : token;
      replacement = picked as Token;
      if (penalised) remember(recent, replacement);
      return picked === undefined ? undefined : { token: picked, probabilities };
    },
    async end() {
      await samples.return();
    },
  };
}

const penaltyOn = (
  recent: Token[],
  sampling: StreamRequest["sampling"],
): NonNullable<SequenceEvaluateOptions["repeatPenalty"]> => ({
  punishTokens: () => recent,
  maxPunishTokens: PENALTY_TOKENS_MAX,
  penalty: 1,
  frequencyPenalty: sampling.frequencyPenalty,
  presencePenalty: sampling.presencePenalty,
});

function remember(recent: Token[], token: Token): void {
  recent.push(token);
  if (recent.length > PENALTY_TOKENS_MAX) recent.shift();
}
