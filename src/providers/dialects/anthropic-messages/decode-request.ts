/** A request for a message → the neutral prompt. */
import type { JsonObject } from "../../../lib/json.ts";
import {
  type CacheMark,
  type Prompt,
  type PromptMessage,
  type ReasoningWish,
  type ResponseFormat,
  type Tool,
  untranslatable,
} from "../../neutral/prompt.ts";
import { readShape } from "../read-shape.ts";
import { clearThoughts, decodeMessages, toCacheMark, toTexts } from "./decode-messages.ts";
import { refuseUntranslatable, undocumentedIn } from "./request-fields.ts";
import { Request, type WireRequest, type WireTool, type WireToolChoice } from "./request-shape.ts";

export function decodeRequest(body: JsonObject): Prompt {
  refuseUntranslatable(body);
  const wire = readShape(Request, body);
  return {
    messages: toMessages(wire),
    tools: (wire.tools ?? []).map(toTool),
    ...present({
      toolChoice: toToolChoice(wire.tool_choice),
      parallelToolCalls: isParallel(wire.tool_choice),
      responseFormat: toResponseFormat(wire),
      maxOutputTokens: wire.max_tokens,
      temperature: wire.temperature,
      topP: wire.top_p,
      topK: wire.top_k,
      stop: wire.stop_sequences,
      reasoning: toReasoning(wire),
      serviceTier: wire.service_tier === "standard_only" ? "default" : wire.service_tier,
      user: wire.metadata?.user_id,
    }),
    stream: wire.stream ?? false,
    extra: undocumentedIn(body),
  };
}

/** Without what is null or left out. */
function present<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}

function toMessages(wire: WireRequest): PromptMessage[] {
  const system = toTexts(wire.system ?? []);
  const messages = decodeMessages(wire.messages);
  if (system.length > 0) messages.unshift({ role: "system", parts: system });
  for (const edit of wire.context_management?.edits ?? []) clearThoughts(messages, edit);
  const mark = toCacheMark(wire.cache_control);
  if (mark !== undefined) markEnd(messages, mark);
  return messages;
}

/** A mark on the request as a whole is one on its last part. */
function markEnd(messages: readonly PromptMessage[], cache: CacheMark): void {
  const last = messages.at(-1)?.parts.at(-1);
  if (last === undefined || last.type === "reasoning" || last.type === "refusal") return;
  if (last.type !== "audio") last.cache = cache;
}

function toTool(wire: WireTool, index: number): Tool {
  const callers = wire.allowed_callers ?? ["direct"];
  if (!callers.includes("direct")) {
    throw untranslatable(`tools[${index}].allowed_callers`, "only the model itself calls tools");
  }
  return {
    name: wire.name,
    parameters: wire.input_schema,
    ...present({
      description: toDescription(wire),
      strict: wire.strict,
      cache: toCacheMark(wire.cache_control),
    }),
  };
}

/** Examples have no field of their own elsewhere, and are read all the same. */
function toDescription({ description, input_examples }: WireTool): string | undefined {
  if (input_examples == null || input_examples.length === 0) return description ?? undefined;
  const examples = input_examples.map((example) => JSON.stringify(example)).join("\n");
  return `${description ?? ""}\n\nExamples of its input:\n${examples}`.trimStart();
}

function toToolChoice(wire: WireToolChoice | null | undefined): Prompt["toolChoice"] {
  if (wire == null) return undefined;
  if (wire.type === "tool") return { name: wire.name };
  return wire.type === "any" ? "required" : wire.type;
}

function isParallel(wire: WireToolChoice | null | undefined): boolean | undefined {
  if (wire == null || wire.type === "none" || wire.disable_parallel_tool_use == null) {
    return undefined;
  }
  return !wire.disable_parallel_tool_use;
}

/** A schema is always kept to here; a name is what other dialects want. */
function toResponseFormat({
  output_config,
  output_format,
}: WireRequest): ResponseFormat | undefined {
  const format = output_config?.format ?? output_format;
  if (format == null) return undefined;
  return { type: "json_schema", name: "answer", schema: format.schema, strict: true };
}

/** Effort is said beside `thinking`, and says nothing where there is none to be. */
function toReasoning({
  thinking,
  output_config,
  messages,
}: WireRequest): ReasoningWish | undefined {
  const effort = effortOfTurn(messages) ?? output_config?.effort ?? undefined;
  if (thinking?.type === "disabled") return { effort: "none" };
  if (thinking == null && effort === undefined) return undefined;
  return {
    // Only a budget insists: everything else leaves it to the model whether there is anything to think about.
    ...(thinking?.type === "enabled"
      ? { budgetTokens: thinking.budget_tokens }
      : { isOptional: true }),
    ...(effort === undefined ? {} : { effort }),
    ...(thinking != null && thinking.display === "summarized" ? { summary: "auto" } : {}),
  };
}

/** What a system message says of effort is meant for the turn that it stands in: since the user last spoke. */
function effortOfTurn(messages: WireRequest["messages"]): ReasoningWish["effort"] {
  const begun = messages.findLastIndex(
    ({ role, content }) => role === "user" && content.some(({ type }) => type !== "tool_result"),
  );
  const told = messages.findLast(
    (message, index) => index > begun && message.role === "system" && message.output_config?.effort,
  );
  return told?.role === "system" ? (told.output_config?.effort ?? undefined) : undefined;
}
