/** The response object: what a client asked for, said back, around what the model has answered. */
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerFacts, FinishReason, ReadUsage } from "../../neutral/answer.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";
import { writeUsage } from "./usage.ts";

/** Ids are those of the call: what a provider calls its answer may come twice from different providers. */
export const responseIdOf = (requestId: string): string => `resp_${requestId.replaceAll("-", "")}`;

export type Ending = {
  status: "queued" | "in_progress" | "completed" | "incomplete" | "failed";
  reason?: FinishReason;
  error?: { code: string; message: string };
  usage?: ReadUsage | undefined;
  serviceTier?: string | undefined;
};

export function toResponse(
  facts: AnswerFacts,
  output: readonly JsonObject[],
  ending: Ending,
): JsonObject {
  const { status } = ending;
  return {
    id: responseIdOf(facts.requestId),
    object: "response",
    created_at: facts.createdS,
    status,
    completed_at: status === "completed" ? (facts.nowS?.() ?? facts.createdS) : null,
    error: ending.error ?? null,
    incomplete_details: status === "incomplete" ? { reason: incompleteReason(ending) } : null,
    model: facts.model,
    output,
    usage: ending.usage === undefined ? null : writeUsage(ending.usage),
    ...echoOf(facts.request),
    service_tier: ending.serviceTier ?? "default",
  };
}

function incompleteReason({ reason }: Ending): string {
  return reason === "content_filter" || reason === "refusal"
    ? "content_filter"
    : "max_output_tokens";
}

/** The client's wishes, and what holds where it said nothing. */
function echoOf(request: JsonObject): JsonObject {
  return {
    background: request["background"] === true,
    conversation: conversationOf(request["conversation"]),
    frequency_penalty: 0,
    instructions: request["instructions"] ?? null,
    max_output_tokens: request["max_output_tokens"] ?? null,
    max_tool_calls: request["max_tool_calls"] ?? null,
    metadata: request["metadata"] ?? {},
    parallel_tool_calls: request["parallel_tool_calls"] ?? true,
    presence_penalty: 0,
    previous_response_id: request["previous_response_id"] ?? null,
    prompt_cache_key: request["prompt_cache_key"] ?? null,
    reasoning: reasoningOf(request["reasoning"]),
    safety_identifier: request["safety_identifier"] ?? null,
    store: request["store"] !== false,
    temperature: request["temperature"] ?? 1,
    text: textOf(request["text"]),
    tool_choice: request["tool_choice"] ?? "auto",
    tools: listIn(request["tools"]).map(toolOf),
    top_logprobs: request["top_logprobs"] ?? 0,
    top_p: request["top_p"] ?? 1,
    truncation: request["truncation"] ?? "disabled",
    user: request["user"] ?? null,
  };
}

function conversationOf(wire: unknown): JsonObject | null {
  if (typeof wire === "string") return { id: wire };
  return isRecord(wire) ? { id: wire["id"] } : null;
}

function reasoningOf(wire: unknown): JsonObject {
  const said = isRecord(wire) ? wire : {};
  return { effort: said["effort"] ?? null, summary: said["summary"] ?? null };
}

function textOf(wire: unknown): JsonObject {
  const said = isRecord(wire) ? wire : {};
  return { ...said, format: said["format"] ?? { type: "text" } };
}

function toolOf(tool: JsonObject): JsonObject {
  if (tool["type"] !== "function") return tool;
  return { description: null, parameters: null, strict: true, ...tool };
}
