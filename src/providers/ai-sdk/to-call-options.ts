/** The neutral prompt → the call options that all packages share. */
import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4ToolChoice,
} from "@ai-sdk/provider";
import type { EncodeOptions } from "../dialects/dialect.ts";
import type { Prompt, ResponseFormat, Tool, ToolChoice } from "../neutral/prompt.ts";
import { type MessageOptions, toMessages } from "./to-messages.ts";

export function toCallOptions(
  prompt: Prompt,
  options: MessageOptions & EncodeOptions,
): LanguageModelV4CallOptions {
  return present({
    prompt: toMessages(prompt.messages, options),
    maxOutputTokens: options.maxOutputTokens,
    temperature: prompt.temperature,
    topP: prompt.topP,
    topK: prompt.topK,
    // Zero is what all of them do unasked.
    presencePenalty: prompt.presencePenalty || undefined,
    frequencyPenalty: prompt.frequencyPenalty || undefined,
    stopSequences: prompt.stop,
    seed: prompt.seed,
    responseFormat: prompt.responseFormat && toResponseFormat(prompt.responseFormat),
    tools: prompt.tools.length === 0 ? undefined : prompt.tools.map(toTool),
    // A choice among no tools is refused.
    toolChoice:
      prompt.tools.length === 0 ? undefined : prompt.toolChoice && toToolChoice(prompt.toolChoice),
    reasoning: options.api.effort(prompt, options),
    providerOptions: options.api.options(prompt, options),
    // `metadata` labels answers that a provider stores, and nothing is stored there. `user` names whom the provider
    // should suspect of abuse: none of these APIs has a place for it, and no answer depends on it.
  });
}

/** Fields without a value are left out: `exactOptionalPropertyTypes` tells them apart from undefined. */
function present(
  fields: {
    [Name in keyof LanguageModelV4CallOptions]: LanguageModelV4CallOptions[Name] | undefined;
  },
): LanguageModelV4CallOptions {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as unknown as LanguageModelV4CallOptions;
}

function toResponseFormat(
  format: ResponseFormat,
): NonNullable<LanguageModelV4CallOptions["responseFormat"]> {
  if (format.type === "text") return { type: "text" };
  if (format.type === "json") return { type: "json" };
  const { name, description, schema } = format;
  return {
    type: "json",
    name,
    schema: schema as JSONSchema7,
    ...(description === undefined ? {} : { description }),
  };
}

function toTool({ name, description, parameters, strict }: Tool): LanguageModelV4FunctionTool {
  return {
    type: "function",
    name,
    inputSchema: { type: "object", ...(parameters ?? { properties: {} }) } as JSONSchema7,
    ...(description === undefined ? {} : { description }),
    ...(strict === true ? { strict } : {}),
  };
}

function toToolChoice(choice: ToolChoice): LanguageModelV4ToolChoice {
  if (typeof choice === "string") return { type: choice };
  return { type: "tool", toolName: choice.name };
}
