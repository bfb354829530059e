/** Bedrock's Converse, for the models of all makers. */
import type { SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { JsonObject } from "../../../lib/json.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import { thinkingOf } from "../../dialects/anthropic-messages/encode-thinking.ts";
import type { EncodeOptions } from "../../dialects/dialect.ts";
import { listIn } from "../../dialects/openai-chat/wire.ts";
import type { Prompt } from "../../neutral/prompt.ts";
import { effortOf } from "../../neutral/reasoning-effort.ts";
import { countIn, quantitiesOf, shareOut } from "../../operations/counts.ts";
import { type Api, NO_KEY, tierOf } from "./api.ts";

/** Signatures are Anthropic's own, wherever its models run; other models of Bedrock give none. */
const isClaude = (model: string): boolean => /anthropic|claude/.test(model);

/** As Anthropic's own API is asked to think, in the package's words. */
function claudeThinking(prompt: Prompt, options: EncodeOptions): SharedV4ProviderOptions[string] {
  const { thinking, effort } = thinkingOf(prompt, options);
  const budgetTokens = thinking?.["budget_tokens"];
  return {
    reasoningConfig: {
      ...(typeof thinking?.["type"] === "string" ? { type: thinking["type"] } : {}),
      ...(typeof budgetTokens === "number" ? { budgetTokens } : {}),
      ...(effort === undefined ? {} : { maxReasoningEffort: effort }),
    },
  };
}

export const bedrock: Api = {
  open: async ({ baseURL, fetch, model }) => {
    const { createAmazonBedrock } = await import("@ai-sdk/amazon-bedrock");
    return createAmazonBedrock({ apiKey: NO_KEY, region: "-", baseURL, fetch })(model);
  },
  ownFields: new Set([
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "promptVariables",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
    // Of the models themselves: what has been said already, under other names.
    "max_tokens",
    "max_completion_tokens",
    "max_tokens_to_sample",
    "max_gen_len",
    "maxTokens",
    "n",
    "num_generations",
    "thinking",
    "reasoning",
    "reasoning_effort",
    "reasoningConfig",
    "output_config",
    "anthropic_beta",
    "tools",
    "tool_choice",
  ]),
  extraAt: "additionalModelRequestFields",
  // A budget for thinking is added to the limit, which the hold was made for.
  limitAt: ["inferenceConfig", "maxTokens"],
  readUsage: readBedrockUsage,
  effort: ({ reasoning }, { upstreamModel }) =>
    isClaude(upstreamModel) || reasoning === undefined ? undefined : effortOf(reasoning),
  options: (prompt, options) => ({
    amazonBedrock: {
      ...(prompt.reasoning !== undefined && isClaude(options.upstreamModel)
        ? claudeThinking(prompt, options)
        : {}),
      ...tierOf(prompt),
    },
    ...(prompt.parallelToolCalls === false ? { anthropic: { disableParallelToolUse: true } } : {}),
  }),
  replay: ({ signature, encrypted, sealedBy }, model) => {
    if (!isClaude(model) || (sealedBy ?? "anthropic-messages") !== "anthropic-messages") {
      return undefined;
    }
    if (signature !== undefined) return { amazonBedrock: { signature } };
    return encrypted === undefined ? undefined : { amazonBedrock: { redactedContent: encrypted } };
  },
  sealIn: (metadata, model) => {
    const { signature, redactedContent, redactedData } = metadata?.["amazonBedrock"] ?? {};
    if (!isClaude(model)) return undefined;
    const sealedBy = "anthropic-messages";
    if (typeof signature === "string") return { signature, sealedBy };
    const encrypted = redactedContent ?? redactedData;
    return typeof encrypted === "string" ? { encrypted, sealedBy } : undefined;
  },
  stopSequenceIn: (metadata) => {
    const stopSequence = metadata?.["amazonBedrock"]?.["stopSequence"];
    return typeof stopSequence === "string" ? stopSequence : undefined;
  },
  cacheMark: ({ ttl }) => ({
    amazonBedrock: { cachePoint: { type: "default", ...(ttl === "1h" ? { ttl } : {}) } },
  }),
};

/** OpenAI's models count what they read from the cache among their input, as in OpenAI's own API. */
const COUNTS_CACHED_AS_INPUT = /(^|\.)openai\./;

/**
 * What was read from the cache or written to it is beside `inputTokens`, except where the total shows that it is inside.
 * Thoughts are inside `outputTokens`, and nobody says how many.
 *
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
 */
export function readBedrockUsage(raw: JsonObject, model: string): Quantities | undefined {
  const input = countIn(raw["inputTokens"]);
  const output = countIn(raw["outputTokens"]);
  if (input === undefined && output === undefined) return undefined;
  const read = countIn(raw["cacheReadInputTokens"]) ?? 0;
  const hour = listIn(raw["cacheDetails"])
    .filter((detail) => detail["ttl"] === "1h")
    .reduce((sum, detail) => sum + (countIn(detail["inputTokens"]) ?? 0), 0);
  const written = shareOut(countIn(raw["cacheWriteInputTokens"]) ?? hour, { cache_write_1h: hour });
  const cached = { cache_read: read, ...written.parts, cache_write: written.rest };
  const isInside =
    COUNTS_CACHED_AS_INPUT.test(model) &&
    countIn(raw["totalTokens"]) === (input ?? 0) + (output ?? 0);
  const taken = isInside ? shareOut(input ?? 0, cached) : { parts: cached, rest: input };
  return quantitiesOf({ ...taken.parts, uncached_input: taken.rest, output_text: output });
}
