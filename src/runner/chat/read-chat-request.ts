/**
 * Bytes → validated request. Types that are wrong are refused with the field's name. Fields that only other
 * services give a meaning (`store`, `metadata`, `service_tier`, `user`, …) are ignored; fields that would
 * change the answer and cannot be honoured are refused.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";

const MESSAGES_MAX = 2_048;
const PARTS_MAX = 256;
const TOOLS_MAX = 128;
const STOPS_MAX = 16;
const STOP_CHARS_MAX = 512;
const BIASES_MAX = 1_024;
const TOP_LOGPROBS_MAX = 20;
const DEPTH_MAX = 100;

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const refusalPart = z.object({ type: z.literal("refusal"), refusal: z.string() });
/** Images, audio, files: known to the interface, refused below with their place in the request. */
const otherPart = z.object({
  type: z.string().refine((type) => type !== "text" && type !== "refusal", { abort: true }),
});
const content = z.union(
  [z.string(), z.array(z.union([textPart, refusalPart, otherPart])).max(PARTS_MAX)],
  "must be a text or a list of content parts",
);

const toolCall = z.object({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const message = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer", "user"]), content, name: z.string().nullish() }),
  z.object({
    role: z.literal("assistant"),
    content: content.nullish(),
    refusal: z.string().nullish(),
    tool_calls: z.array(toolCall).max(TOOLS_MAX).nullish(),
    name: z.string().nullish(),
  }),
  z.object({ role: z.literal("tool"), content, tool_call_id: z.string() }),
]);

const jsonSchema = z.record(z.string(), z.unknown());

const tool = z.object({
  type: z.literal("function"),
  function: z.object({
    name: z.string().regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, . _ or -"),
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
});

const toolChoice = z.union(
  [
    z.enum(["none", "auto", "required"]),
    z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) }),
  ],
  "must be 'none', 'auto', 'required' or {type: 'function', function: {name}}",
);

const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string(),
      description: z.string().nullish(),
      schema: jsonSchema.nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const stopText = z.string().min(1).max(STOP_CHARS_MAX);
const stop = z.union(
  [stopText, z.array(stopText).max(STOPS_MAX)],
  `must be a text, or a list of at most ${STOPS_MAX} texts`,
);

const requestSchema = z.object({
  model: z.string(),
  messages: z.array(message).min(1, "must hold at least one message").max(MESSAGES_MAX),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  stop: stop.nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(TOP_LOGPROBS_MAX).nullish(),
  response_format: responseFormat.nullish(),
  tools: z.array(tool).max(TOOLS_MAX).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  modalities: z.array(z.string()).nullish(),
  /** As in vLLM and llama.cpp: the answer goes on after the model ended it, up to its limit. */
  ignore_eos: z.boolean().nullish(),
});

export type ChatRequest = z.infer<typeof requestSchema>;
export type ChatMessage = ChatRequest["messages"][number];
export type ChatTool = z.infer<typeof tool>;

export function readChatRequest(body: string): ChatRequest {
  refuseTooDeep(body);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new Failure("invalid", "The body is not JSON. Send a JSON object.", { cause });
  }
  const parsed = requestSchema.safeParse(json);
  if (!parsed.success) throw toFailure(parsed.error);
  refuseWhatCannotBeHonoured(json, parsed.data);
  return parsed.data;
}

/** Schemas of tools are walked recursively; no honest one is nested this deep. */
function refuseTooDeep(body: string): void {
  let depth = 0;
  // Strings are matched whole, so that brackets inside them do not count.
  for (const [token] of body.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    if (depth > DEPTH_MAX) {
      throw new Failure("invalid", `The body is nested deeper than ${DEPTH_MAX} levels.`);
    }
  }
}

function toFailure(error: z.ZodError): Failure {
  const [issue] = error.issues;
  const deepest = issue === undefined ? undefined : deepestIssue(issue);
  if (deepest === undefined) return new Failure("invalid", "The request is not valid.");
  const param = toParam(deepest.path);
  if (param === "") return new Failure("invalid", "The body must be a JSON object.");
  return new Failure("invalid", `'${param}': ${lowerFirst(deepest.message)}.`, { param });
}

type Found = { path: readonly PropertyKey[]; message: string };

/** In a union, the branch that got furthest tells best what is wrong. */
function deepestIssue(issue: z.core.$ZodIssue): Found {
  if (issue.code !== "invalid_union") return issue;
  const inner = issue.errors
    .flat()
    .map((one) => deepestIssue(one))
    .filter((one) => one.path.length > 0)
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (inner === undefined) return issue;
  return { path: [...issue.path, ...inner.path], message: inner.message };
}

const toParam = (path: readonly PropertyKey[]): string =>
  path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** Silence would be worse than a refusal: the caller would pay for an answer other than the one asked for. */
function refuseWhatCannotBeHonoured(json: unknown, request: ChatRequest): void {
  const refuse = (param: string, message: string): never => {
    throw new Failure("invalid", message, { param, code: "unsupported_parameter" });
  };
  if ((request.n ?? 1) > 1) {
    refuse("n", "This model gives one choice per request. Send the request n times instead.");
  }
  if (request.modalities?.some((modality) => modality !== "text")) {
    refuse("modalities", "This model answers with text only.");
  }
  if (request.top_logprobs !== null && request.top_logprobs !== undefined && !request.logprobs) {
    refuse("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.");
  }
  for (const [field, message] of refusedFields) {
    const value = (json as Record<string, unknown>)[field];
    if (value !== undefined && value !== null) refuse(field, message);
  }
  refuseOtherParts(request, refuse);
  refuseBadCombinations(request, refuse);
}

const refusedFields: readonly [field: string, message: string][] = [
  ["functions", "'functions' is the old form. Send 'tools' instead."],
  ["function_call", "'function_call' is the old form. Send 'tool_choice' instead."],
  ["audio", "This model answers with text only."],
  ["web_search_options", "This model has no access to the web."],
];

type Refuse = (param: string, message: string) => never;

function refuseOtherParts(request: ChatRequest, refuse: Refuse): void {
  for (const [index, { content: parts }] of request.messages.entries()) {
    if (!Array.isArray(parts)) continue;
    const at = parts.findIndex((part) => !("text" in part) && !("refusal" in part));
    if (at === -1) continue;
    refuse(
      `messages[${index}].content[${at}].type`,
      `This model reads text only, not '${parts[at]?.type}'.`,
    );
  }
}

function refuseBadCombinations(request: ChatRequest, refuse: Refuse): void {
  refuseBadTools(request, refuse);
  const structured = (request.response_format?.type ?? "text") !== "text";
  const callable = (request.tools ?? []).length > 0 && request.tool_choice !== "none";
  if (structured && callable) {
    refuse("response_format", "'response_format' and 'tools' cannot be combined on this model.");
  }
  if (request.logprobs && (structured || callable)) {
    refuse("logprobs", "'logprobs' cannot be combined with 'response_format' or 'tools'.");
  }
  if (Object.keys(request.logit_bias ?? {}).length > BIASES_MAX) {
    refuse("logit_bias", `At most ${BIASES_MAX} tokens can be biased.`);
  }
}

function refuseBadTools(request: ChatRequest, refuse: Refuse): void {
  const names = (request.tools ?? []).map((one) => one.function.name);
  if (new Set(names).size < names.length) refuse("tools", "Two tools have the same name.");
  const choice = request.tool_choice ?? "auto";
  if (choice === "none" || choice === "auto") return;
  if (names.length === 0) refuse("tool_choice", "'tool_choice' needs 'tools'.");
  if (choice !== "required" && !names.includes(choice.function.name)) {
    refuse("tool_choice", `'tools' holds no function named '${choice.function.name}'.`);
  }
}
