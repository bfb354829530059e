/** The neutral prompt → a Responses request for a provider. */
import type { JsonObject } from "../../../lib/json.ts";
import { extraFor } from "../../neutral/extra.ts";
import {
  type Prompt,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  untranslatable,
} from "../../neutral/prompt.ts";
import { effortOf } from "../../neutral/reasoning-effort.ts";
import type { Quirks } from "../../upstream.ts";
import type { EncodeOptions } from "../dialect.ts";
import { WANTS_LOGPROBS } from "./decode-request.ts";
import { encodeItems } from "./encode-items.ts";
import { documentedFields } from "./request-fields.ts";

export function encodeRequest(prompt: Prompt, options: EncodeOptions): JsonObject {
  refuseUnsayable(prompt);
  return {
    ...extraFor(prompt.extra, documentedFields),
    model: options.upstreamModel,
    input: encodeItems(prompt.messages, options.quirks),
    // The whole conversation comes with every request: nothing needs to be kept there.
    store: false,
    max_output_tokens: options.maxOutputTokens,
    ...present({
      ...toolFields(prompt),
      text: toText(prompt),
      temperature: prompt.temperature,
      top_p: prompt.topP,
      top_logprobs: prompt.topLogprobs || undefined,
      include: prompt.topLogprobs === undefined ? undefined : [WANTS_LOGPROBS],
      reasoning: toReasoning(prompt, options.quirks),
      service_tier: prompt.serviceTier,
      user: prompt.user,
      prompt_cache_key: prompt.cacheKey,
      // `metadata` labels answers that a provider stores, and nothing is stored there: the gateway has read it.
    }),
    ...(prompt.stream ? { stream: true } : {}),
  };
}

/** @throws Failure `UNTRANSLATABLE` */
function refuseUnsayable(prompt: Prompt): void {
  const unsayable = {
    top_k: prompt.topK,
    presence_penalty: prompt.presencePenalty || undefined,
    frequency_penalty: prompt.frequencyPenalty || undefined,
    seed: prompt.seed,
    stop: prompt.stop?.length === 0 ? undefined : prompt.stop,
    n: prompt.choices === 1 ? undefined : prompt.choices,
  };
  for (const [param, value] of Object.entries(unsayable)) {
    if (value === undefined) continue;
    throw untranslatable(param, "the Responses API of its provider has no such field");
  }
}

function present(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function toolFields(prompt: Prompt): JsonObject {
  if (prompt.tools.length === 0) return {};
  return {
    tools: prompt.tools.map(toTool),
    tool_choice: prompt.toolChoice && toToolChoice(prompt.toolChoice),
    parallel_tool_calls: prompt.parallelToolCalls,
  };
}

/** `strict` is always said: this API takes it for true where it is left out, and all others for false. */
function toTool({ name, description, parameters, strict }: Tool): JsonObject {
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    parameters: parameters ?? { type: "object", properties: {} },
    strict: strict ?? false,
  };
}

function toToolChoice(choice: ToolChoice): unknown {
  return typeof choice === "string" ? choice : { type: "function", name: choice.name };
}

function toText({ responseFormat, verbosity }: Prompt): JsonObject | undefined {
  if (responseFormat === undefined && verbosity === undefined) return undefined;
  return {
    ...(responseFormat === undefined ? {} : { format: toFormat(responseFormat) }),
    ...(verbosity === undefined ? {} : { verbosity }),
  };
}

function toFormat(format: ResponseFormat): JsonObject {
  return format.type === "json" ? { type: "json_object" } : format;
}

function toReasoning({ reasoning }: Prompt, quirks: Quirks): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  if (quirks.reasoning_request === "none") {
    if (reasoning.isOptional === true || reasoning.effort === "none") return undefined;
    throw untranslatable("reasoning", "its provider cannot be asked to think");
  }
  const effort = effortOf(reasoning);
  const fields = present({ effort, summary: reasoning.summary });
  return Object.keys(fields).length === 0 ? undefined : fields;
}
