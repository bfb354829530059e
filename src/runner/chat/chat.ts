/** One chat request, from its validated form to a running generation whose parts can be read. */
import type { SamplingDefaults } from "../../domains/serving/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { type LoadedModel, toTokens } from "../engine/load-model.ts";
import type { Outcome, TokenCount } from "../engine/stream.ts";
import type { Grammars } from "./grammars.ts";
import { planOutput } from "./output-plan.ts";
import { Pipe } from "./pipe.ts";
import { contextExceeded, type PromptWriter } from "./prompt.ts";
import type { ChatRequest } from "./read-chat-request.ts";
import { Reply, type ReplyPart } from "./reply.ts";
import { toSampling } from "./sampling.ts";

export type ChatModel = {
  name: string;
  loaded: LoadedModel;
  engine: Engine;
  grammars: Grammars;
  writePrompt: PromptWriter;
  sampling: SamplingDefaults;
};

export type Generation = {
  /** Ends with what the client must be told last, or fails. */
  parts: Pipe<ReplyPart>;
  outcome: Promise<Outcome>;
};

/** Everything that can be refused is refused before this resolves. */
export async function startChat(
  request: ChatRequest,
  model: ChatModel,
  run: { tenant: string; count: TokenCount; signal: AbortSignal },
): Promise<Generation> {
  if (request.model !== model.name) throw unknownModel(request.model, model.name);
  const plan = planOutput(request);
  const startGrammar = plan.kind === "text" ? notGuided : await model.grammars.prepare(plan.schema);
  const prompt = model.writePrompt(request);
  const maxTokens = outputLimit(request, prompt.tokens.length, model.loaded.contextTokens);
  const parts = new Pipe<ReplyPart>();
  const { model: weights } = model.loaded;
  const reply = new Reply({
    plan,
    inCall: prompt.inCall,
    stops: typeof request.stop === "string" ? [request.stop] : (request.stop ?? []),
    detokenize: (tokens, before) => weights.detokenize(toTokens(tokens), false, toTokens(before)),
    before: prompt.tokens.slice(-8),
    startGrammar,
    topLogprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
    onPart: (part) => parts.push(part),
  });
  const outcome = model.engine
    .submit({
      ...run,
      prompt: prompt.tokens,
      maxTokens,
      sampling: toSampling(request, model.sampling, weights),
      probabilities: request.logprobs ?? false,
      endless: request.ignore_eos ?? false,
      reader: reply,
    })
    .then((finish) => (finish === "cancelled" ? finish : reply.finish(finish)));
  return { parts, outcome };
}

const notGuided = (): never => {
  throw new Error("free text has no grammar");
};

/** The room that the prompt leaves, or less where the request says so. */
function outputLimit(request: ChatRequest, promptTokens: number, contextTokens: number): number {
  const room = contextTokens - promptTokens;
  if (room < 1) throw contextExceeded(contextTokens, promptTokens);
  return Math.min(room, request.max_completion_tokens ?? request.max_tokens ?? room);
}

const unknownModel = (asked: string, served: string): Failure =>
  new Failure("not_found", `This runner serves '${served}', not '${asked}'.`, {
    param: "model",
    code: "model_not_found",
  });
