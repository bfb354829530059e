/** The neutral prompt → a chat request for a provider. */
import type { JsonObject } from "../../../lib/json.ts";
import { extraFor } from "../../neutral/extra.ts";
import type { Prompt, ResponseFormat, Tool, ToolChoice } from "../../neutral/prompt.ts";
import type { EncodeOptions } from "../dialect.ts";
import { encodeMessages } from "./encode-messages.ts";
import { reasoningFields } from "./encode-reasoning.ts";
import { refuseBeyondLimits } from "./provider-limits.ts";
import { documentedFields } from "./request-fields.ts";
import { thoughtLimits } from "./thought-limits.ts";

export function encodeRequest(prompt: Prompt, options: EncodeOptions): JsonObject {
  const { quirks } = options;
  const { choices, temperature, responseFormat } = prompt;
  refuseBeyondLimits({ choices, temperature, format: responseFormat?.type }, quirks);
  const body: JsonObject = {
    ...extraFor(prompt.extra, documentedFields),
    model: options.upstreamModel,
    messages: encodeMessages(prompt.messages, quirks),
    ...present({
      ...toolFields(prompt, options),
      response_format: responseFormat && toResponseFormat(responseFormat),
      [quirks.output_limit_field ?? "max_tokens"]: options.maxOutputTokens,
      temperature,
      top_p: prompt.topP,
      // OpenAI itself has no such field and says so; most other servers of this dialect have it.
      top_k: prompt.topK,
      presence_penalty: prompt.presencePenalty,
      frequency_penalty: prompt.frequencyPenalty,
      seed: prompt.seed,
      stop: prompt.stop,
      n: choices,
      logprobs: prompt.topLogprobs === undefined ? undefined : true,
      top_logprobs: prompt.topLogprobs || undefined,
      ...reasoningFields(prompt, quirks),
      verbosity: prompt.verbosity,
      service_tier: prompt.serviceTier,
      user: prompt.user,
      prompt_cache_key: prompt.cacheKey,
      // `metadata` labels answers that a provider stores, and nothing is stored there: the gateway has read it.
    }),
    ...streamFields(prompt, options),
  };
  return { ...body, ...thoughtLimits(body, options) };
}

function present(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Some servers refuse an empty list, and the other fields without one. */
function toolFields(prompt: Prompt, { quirks }: EncodeOptions): JsonObject {
  if (prompt.tools.length === 0) return {};
  return {
    tools: prompt.tools.map((tool) => toTool(tool, quirks.cache_marks === "cache_control")),
    tool_choice: prompt.toolChoice && toToolChoice(prompt.toolChoice),
    parallel_tool_calls: prompt.parallelToolCalls,
  };
}

function toTool({ cache, ...definition }: Tool, takesMarks: boolean): JsonObject {
  return {
    type: "function",
    function: definition,
    ...(takesMarks && cache !== undefined
      ? { cache_control: { type: "ephemeral", ...cache } }
      : {}),
  };
}

function toToolChoice(choice: ToolChoice): unknown {
  return typeof choice === "string" ? choice : { type: "function", function: choice };
}

function toResponseFormat(format: ResponseFormat): JsonObject {
  if (format.type === "json") return { type: "json_object" };
  if (format.type === "text") return { type: "text" };
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

function streamFields(prompt: Prompt, { quirks }: EncodeOptions): JsonObject {
  if (!prompt.stream) return {};
  if (quirks.no_stream_options === true) return { stream: true };
  return { stream: true, stream_options: { include_usage: true } };
}
