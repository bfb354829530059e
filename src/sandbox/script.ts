import { z } from "zod";
import { Failure } from "../lib/errors.ts";

const TOKENS_MAX = 10_000_000;
/** Text is really made for these, so the limit is also one of memory. */
const WRITTEN_TOKENS_MAX = 200_000;
const ANSWER_CHARS_MAX = 1_000_000;
const FIRST_TOKEN_DELAY_MS_MAX = 600_000;
const TOKEN_DELAY_MS_MAX = 60_000;

const tokens = z.int().min(0).max(TOKENS_MAX);

/**
 * What the sandbox shall do, given as `sandbox` in the request. Everything is optional; what is not said comes
 * from the model, and at last from the request itself.
 */
export const scriptSchema = z
  .strictObject({
    /** The text to answer with; by default the last message of the user. */
    answer: z.string().max(ANSWER_CHARS_MAX),
    /** Tool calls to answer with, instead of text. */
    tool_calls: z
      .array(
        z.strictObject({ name: z.string().max(64), arguments: z.record(z.string(), z.unknown()) }),
      )
      .max(128),
    /** Reported and counted instead of an estimate from the messages. */
    prompt_tokens: tokens,
    /** Part of the prompt. */
    cached_tokens: tokens,
    /** Part of the completion; generated before the first token that is seen. */
    reasoning_tokens: tokens,
    /** Of each choice, reasoning included. Without `answer`, this many words are written. */
    completion_tokens: tokens,
    first_token_delay_ms: z.number().min(0).max(FIRST_TOKEN_DELAY_MS_MAX),
    token_delay_ms: z.number().min(0).max(TOKEN_DELAY_MS_MAX),
    /** Tokens that come in one frame of a stream. */
    tokens_per_frame: z.int().min(1).max(1_000),
    /** Refuse with this status; with `after_tokens` a stream breaks off with an error frame instead. */
    error: z.strictObject({
      status: z.int().min(400).max(599),
      code: z.string().max(100).optional(),
      message: z.string().max(1_000).optional(),
      param: z.string().max(100).optional(),
      retry_after: z.number().min(0).max(86_400).optional(),
      after_tokens: tokens.optional(),
    }),
    /** Break the connection after so many tokens. */
    cut_after_tokens: tokens,
    /** Send one frame that is no JSON after so many tokens. Without a stream: half of the body. */
    malformed_after_tokens: tokens,
    /** How the use of an image or a recording is reported: in tokens, or in pieces and seconds. */
    usage_by: z.enum(["tokens", "pieces"]),
    /** Report no usage. */
    omit_usage: z.boolean(),
    /** Report the usage so far in every frame. */
    repeat_usage: z.boolean(),
    /** Read the request and never answer. */
    hang: z.boolean(),
    /** Answer with the bytes of this file of the fixtures' folder. */
    fixture: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,100}$/i),
  })
  .partial();

export type Script = z.infer<typeof scriptSchema>;

const ERROR_STATUSES = [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529];

/** Models for those who cannot add a field to their requests. */
export const scriptsOfModels: ReadonlyMap<string, Script> = new Map<string, Script>([
  ["sandbox-echo", {}],
  [
    "sandbox-static",
    { answer: "This is the sandbox of Baseload. Nothing here is billed.", prompt_tokens: 20 },
  ],
  ["sandbox-lorem", { completion_tokens: 200 }],
  ["sandbox-slow", { completion_tokens: 200, first_token_delay_ms: 1_000, token_delay_ms: 100 }],
  ["sandbox-reasoning", { reasoning_tokens: 128 }],
  ["sandbox-cut", { completion_tokens: 20, cut_after_tokens: 10 }],
  ["sandbox-malformed", { completion_tokens: 20, malformed_after_tokens: 10 }],
  ["sandbox-no-usage", { omit_usage: true }],
  ["sandbox-hang", { hang: true }],
  ["sandbox-embedding", {}],
  ["sandbox-rerank", {}],
  ["sandbox-image", {}],
  ["sandbox-speech", {}],
  ["sandbox-transcription", {}],
  ["sandbox-moderation", {}],
  ...ERROR_STATUSES.map((status): [string, Script] => [
    `sandbox-error-${status}`,
    { error: { status, ...(status === 429 ? { retry_after: 1 } : {}) } },
  ]),
]);

/** The model's script, with what the request's own says on top. */
export function readScript(model: string, sandbox: unknown): Script {
  const ofModel = scriptsOfModels.get(model);
  if (ofModel === undefined) {
    const known = [...scriptsOfModels.keys()].join(", ");
    throw new Failure(
      "not_found",
      `The model '${model}' does not exist. The sandbox has: ${known}.`,
      {
        code: "model_not_found",
        param: "model",
      },
    );
  }
  if (sandbox === undefined) return ofModel;
  const read = scriptSchema.safeParse(sandbox);
  if (!read.success) throw invalidScript(read.error.issues[0]);
  return assertConsistent({ ...ofModel, ...read.data });
}

function invalidScript(issue: z.core.$ZodIssue | undefined): Failure {
  const path = ["sandbox", ...(issue?.path ?? [])].join(".");
  return new Failure("invalid", `${path}: ${issue?.message ?? "is not valid"}.`, { param: path });
}

function assertConsistent(script: Script): Script {
  const { completion_tokens: completion, reasoning_tokens: reasoning } = script;
  if (completion !== undefined && (reasoning ?? 0) > completion) {
    throw inconsistent(
      "reasoning_tokens",
      "are part of completion_tokens, so they cannot be more.",
    );
  }
  if (script.answer === undefined && (completion ?? 0) > WRITTEN_TOKENS_MAX) {
    const what = `over ${WRITTEN_TOKENS_MAX} need an 'answer': the sandbox does not write so many words.`;
    throw inconsistent("completion_tokens", what);
  }
  const { prompt_tokens: prompt, cached_tokens: cached } = script;
  if (cached !== undefined && prompt === undefined) {
    throw inconsistent(
      "cached_tokens",
      "are part of prompt_tokens, which must be given with them.",
    );
  }
  if ((cached ?? 0) > (prompt ?? 0)) {
    throw inconsistent("cached_tokens", "are part of prompt_tokens, so they cannot be more.");
  }
  return script;
}

function inconsistent(field: string, what: string): Failure {
  return new Failure("invalid", `sandbox.${field} ${what}`, { param: `sandbox.${field}` });
}
