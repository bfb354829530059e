/** The neutral prompt → a request for a message, for a provider. */
import type { JsonObject } from "../../../lib/json.ts";
import { extraFor } from "../../neutral/extra.ts";
import {
  type CacheMark,
  type Prompt,
  type Tool,
  type ToolChoice,
  untranslatable,
} from "../../neutral/prompt.ts";
import type { EncodeOptions } from "../dialect.ts";
import { encodeMessages, encodeSystem } from "./encode-messages.ts";
import { thinkingOf } from "./encode-thinking.ts";
import { documentedFields } from "./request-fields.ts";

export function encodeRequest(prompt: Prompt, options: EncodeOptions): JsonObject {
  refuseBeyond(prompt);
  const { effort, thinking } = thinkingOf(prompt, options);
  const format = toFormat(prompt);
  return {
    ...extraFor(prompt.extra, documentedFields),
    ...present({
      model: options.upstreamModel,
      max_tokens: options.maxOutputTokens,
      system: encodeSystem(prompt.messages),
      messages: encodeMessages(prompt.messages),
      ...toolFields(prompt),
      temperature: prompt.temperature,
      top_p: prompt.topP,
      top_k: prompt.topK,
      stop_sequences: prompt.stop,
      thinking,
      output_config: (effort ?? format) ? present({ effort, format }) : undefined,
      service_tier: toServiceTier(prompt.serviceTier),
      metadata: prompt.user === undefined ? undefined : { user_id: prompt.user },
      // `metadata` labels answers that a provider stores, and nothing is stored there: the gateway has read it. Keys
      // of caches do not exist here: what repeats is found by its beginning.
      stream: prompt.stream || undefined,
    }),
  };
}

function present(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const TEMPERATURE_MAX = 1;

/** @throws Failure `UNTRANSLATABLE` */
function refuseBeyond(prompt: Prompt): void {
  if ((prompt.choices ?? 1) > 1) throw untranslatable("n", "it gives one answer per call");
  if (prompt.topLogprobs !== undefined) {
    throw untranslatable("logprobs", "it does not tell probabilities");
  }
  if (prompt.seed !== undefined) throw untranslatable("seed", "its chance cannot be seeded");
  if (prompt.presencePenalty) throw untranslatable("presence_penalty", "it has no penalties");
  if (prompt.frequencyPenalty) throw untranslatable("frequency_penalty", "it has no penalties");
  if ((prompt.temperature ?? 0) > TEMPERATURE_MAX) {
    throw untranslatable("temperature", `it takes at most ${TEMPERATURE_MAX}`);
  }
  if (prompt.verbosity !== undefined && prompt.verbosity !== "medium") {
    throw untranslatable("verbosity", "it is asked for in words");
  }
}

/** A choice among no tools is refused. */
function toolFields({ tools, toolChoice, parallelToolCalls }: Prompt): JsonObject {
  if (tools.length === 0) return {};
  return { tools: tools.map(toTool), tool_choice: toToolChoice(toolChoice, parallelToolCalls) };
}

function toTool({ name, description, parameters, strict, cache }: Tool): JsonObject {
  return present({
    name,
    description,
    input_schema: { type: "object", ...(parameters ?? { properties: {} }) },
    strict: strict || undefined,
    cache_control: toCacheControl(cache),
  });
}

export const toCacheControl = (cache: CacheMark | undefined): JsonObject | undefined =>
  cache === undefined ? undefined : { type: "ephemeral", ...cache };

function toToolChoice(
  choice: ToolChoice | undefined,
  isParallel: boolean | undefined,
): JsonObject | undefined {
  if (choice === "none") return { type: "none" };
  const single = isParallel === false ? { disable_parallel_tool_use: true } : {};
  if (choice === undefined) return isParallel === false ? { type: "auto", ...single } : undefined;
  if (typeof choice === "object") return { type: "tool", ...choice, ...single };
  return { type: choice === "required" ? "any" : "auto", ...single };
}

/** The schema's name is a label for people, which has no place here; its description is read with the schema. */
function toFormat({ responseFormat: format }: Prompt): JsonObject | undefined {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json") {
    throw untranslatable("response_format", "it keeps to a JSON schema, not to JSON as such");
  }
  const { description } = format;
  const schema =
    description === undefined || "description" in format.schema
      ? format.schema
      : { ...format.schema, description };
  return { type: "json_schema", schema };
}

function toServiceTier(tier: string | undefined): string | undefined {
  if (tier === undefined || tier === "auto") return tier;
  if (tier === "default" || tier === "standard") return "standard_only";
  throw untranslatable("service_tier", "its tiers are bought with the account");
}
