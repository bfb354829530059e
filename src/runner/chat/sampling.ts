/** How the next token is chosen: what the request says, else what the model's makers recommend. */
import { type LlamaModel, TokenBias } from "node-llama-cpp";
import type { SamplingDefaults } from "../../domains/serving/index.ts";
import { Failure } from "../../lib/errors.ts";
import { toTokens } from "../engine/load-model.ts";
import type { StreamRequest } from "../engine/stream.ts";
import type { ChatRequest } from "./read-chat-request.ts";

/** llama.cpp's own, for models whose makers recommend nothing. */
const standard = { temperature: 0.8, topP: 0.95, topK: 40 } as const;
/** A bias of −100 is a ban in OpenAI's interface; logits of this size leave no chance. */
const BAN = -100;
const SEED_RANGE = 2 ** 32;

export function toSampling(
  request: ChatRequest,
  defaults: SamplingDefaults,
  model: LlamaModel,
): StreamRequest["sampling"] {
  return {
    temperature: request.temperature ?? defaults.temperature ?? standard.temperature,
    topP: request.top_p ?? defaults.topP ?? standard.topP,
    topK: request.top_k ?? defaults.topK ?? standard.topK,
    minP: request.min_p ?? 0,
    seed: request.seed === null || request.seed === undefined ? newSeed() : toSeed(request.seed),
    frequencyPenalty: request.frequency_penalty ?? 0,
    presencePenalty: request.presence_penalty ?? 0,
    bias: toBias(request.logit_bias, model),
  };
}

/** The engine's own default is the second of the day: two requests at once would get the same answer. */
const newSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

/** Seeds are 32 bits for the engine; larger and negative ones are folded into them. */
const toSeed = (seed: number): number => ((seed % SEED_RANGE) + SEED_RANGE) % SEED_RANGE;

function toBias(biases: ChatRequest["logit_bias"], model: LlamaModel): TokenBias | undefined {
  const entries = Object.entries(biases ?? {});
  if (entries.length === 0) return undefined;
  const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const bias = new TokenBias(model.tokenizer);
  for (const [key, logit] of entries) {
    const token = /^\d+$/.test(key) ? Number(key) : Number.NaN;
    if (!(token < vocabulary)) {
      throw new Failure(
        "invalid",
        `'${key}' is not a token of this model (0 to ${vocabulary - 1}).`,
        {
          param: "logit_bias",
        },
      );
    }
    const biased = toTokens([token]);
    if (model.isEogToken(biased[0])) {
      throw new Failure(
        "invalid",
        `Token ${key} ends an answer; it cannot be biased on this model.`,
        {
          param: "logit_bias",
          code: "unsupported_parameter",
        },
      );
    }
    bias.set(biased, logit <= BAN ? "never" : { logit });
  }
  return bias;
}
