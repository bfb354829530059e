/**
 * Weights → a context that is ready to serve. Uses the engine's prebuilt binary for this processor: nothing is
 * compiled and nothing is fetched. https://node-llama-cpp.withcat.ai
 */
import { access } from "node:fs/promises";
import { availableParallelism, freemem } from "node:os";
import {
  getLlama,
  type Llama,
  type LlamaContext,
  LlamaLogLevel,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import { Failure } from "../../lib/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { PromptFacts } from "../chat/prompt.ts";
import { planMemory } from "./plan-memory.ts";
import { SLICE_ALONE } from "./plan-slices.ts";

export type LoadOptions = {
  modelPath: string;
  contextTokens: number | undefined;
  sequences: number | undefined;
  threads: number | undefined;
  log: Log;
};

export type LoadedModel = {
  llama: Llama;
  model: LlamaModel;
  context: LlamaContext;
  /** Tokens that one sequence holds, prompt and answer together. */
  contextTokens: number;
  sequences: number;
  threads: number;
  prompt: PromptFacts;
  dispose: () => Promise<void>;
};

/** Types of tokens in a vocabulary that only templates write: control tokens. */
const CONTROL_TYPE = 3;
/** What llama.cpp allows. */
const SEQUENCES_MAX = 256;

export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  await access(options.modelPath).catch((cause: unknown) => {
    throw new Failure("not_found", `${options.modelPath} cannot be read. Pull the model first.`, {
      cause,
    });
  });
  // One core stays free for the gateway, the database and the sampling between two steps.
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    maxThreads: threads,
    logLevel: LlamaLogLevel.warn,
    logger: (level, message) => logEngine(options.log, level, message),
  });
  try {
    return await loadInto(llama, { ...options, threads });
  } catch (cause) {
    await llama.dispose();
    throw cause;
  }
}

async function loadInto(
  llama: Llama,
  options: LoadOptions & { threads: number },
): Promise<LoadedModel> {
  const model = await llama.loadModel({ modelPath: options.modelPath });
  refuseImpossible(options, model.trainContextSize);
  const context = await createContext(model, options);
  return {
    llama,
    model,
    context,
    contextTokens: context.contextSize,
    sequences: context.totalSequences,
    threads: options.threads,
    prompt: readPromptFacts(model, context.contextSize),
    dispose: async () => {
      await context.dispose();
      await model.dispose();
      await llama.dispose();
    },
  };
}

function refuseImpossible(options: LoadOptions, trainedTokens: number): void {
  const { contextTokens = 1, sequences = 1 } = options;
  // Beyond its training a model writes noise, which would look like an answer.
  if (contextTokens > trainedTokens || contextTokens < 1) {
    throw new Failure(
      "invalid",
      `This model was trained with a context of ${trainedTokens} tokens, and ${contextTokens} were asked for.`,
      { param: "contextTokens" },
    );
  }
  if (sequences < 1 || sequences > SEQUENCES_MAX) {
    throw new Failure("invalid", `A model can have 1 to ${SEQUENCES_MAX} sequences.`, {
      param: "sequences",
    });
  }
}

async function createContext(
  model: LlamaModel,
  options: LoadOptions & { threads: number },
): Promise<LlamaContext> {
  // One step holds a slice of a prompt and a token of every stream; more would only cost memory.
  const batchOf = (sequences: number): number => SLICE_ALONE + sequences;
  const plan = await planMemory({
    contextTokens: options.contextTokens,
    sequences: options.sequences,
    trainedTokens: model.trainContextSize,
    freeBytes: Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
    weightsBytes: model.size,
    contextBytes: async (contextTokens, sequences) => {
      const needs = await model.fileInsights.estimateContextResourceRequirementsV2({
        contextSize: contextTokens,
        sequences,
        batchSize: batchOf(sequences),
        modelGpuLayers: 0,
      });
      return needs.cpuRam;
    },
  });
  return model.createContext({
    contextSize: plan.contextTokens,
    sequences: plan.sequences,
    batchSize: batchOf(plan.sequences),
    threads: options.threads,
    failedCreationRemedy: false,
  });
}

function logEngine(log: Log, level: LlamaLogLevel, message: string): void {
  const text = message.trim();
  if (text === "") return;
  if (level === LlamaLogLevel.fatal || level === LlamaLogLevel.error) log.error(text);
  else if (level === LlamaLogLevel.warn) log.warn(text);
}

function readPromptFacts(model: LlamaModel, contextTokens: number): PromptFacts {
  const { tokenizer } = model.fileInfo.metadata;
  const texts: readonly string[] = tokenizer.ggml.tokens;
  const types = tokenizer.ggml.token_type ?? [];
  const longest = texts.reduce((most, text) => Math.max(most, text.length), 1);
  const { tokens } = model;
  return {
    template: tokenizer.chat_template,
    controlTexts: texts.filter((_, index) => types[index] === CONTROL_TYPE),
    bosText: tokens.bosString ?? undefined,
    eosText: tokens.eosString ?? undefined,
    bosToken: tokens.shouldPrependBosToken ? (tokens.bos ?? undefined) : undefined,
    tokenize: (text) => model.tokenize(text, true),
    charsMax: longest * contextTokens,
    contextTokens,
  };
}

/** The engine brands its tokens; everything outside of it treats them as numbers. */
export const toTokens = (tokens: readonly number[]): Token[] => tokens as Token[];
