/** A whole response → the neutral answer. Lenient: what a provider leaves out is not known. */
import type { JsonObject } from "../../../lib/json.ts";
import type {
  Annotation,
  AnswerPart,
  FinishReason,
  NeutralAnswer,
  TokenLogprob,
} from "../../neutral/answer.ts";
import type { ReasoningPart } from "../../neutral/prompt.ts";
import { argumentsIn, textIn, toLogprobs } from "../openai-chat/decode-answer.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";
import { usageOf } from "./usage.ts";

export function decodeAnswer(body: JsonObject): NeutralAnswer {
  const usage = usageOf(body);
  const parts = listIn(body["output"]).flatMap(toParts);
  return {
    ...factsIn(body),
    choices: [{ parts, reason: reasonOf(body, kindsOf(parts)) }],
    ...(usage === undefined ? {} : { usage }),
  };
}

export type AnswerHead = Pick<NeutralAnswer, "id" | "model" | "createdS" | "serviceTier">;

/** What whole answers and the first event of a stream say of themselves. */
export function factsIn({ id, model, created_at, service_tier }: JsonObject): AnswerHead {
  return {
    ...(textIn(id) === "" ? {} : { id: textIn(id) }),
    ...(textIn(model) === "" ? {} : { model: textIn(model) }),
    ...(typeof created_at === "number" && created_at > 0
      ? { createdS: Math.floor(created_at) }
      : {}),
    ...(textIn(service_tier) === "" ? {} : { serviceTier: textIn(service_tier) }),
  };
}

export type Kinds = { hasCalls: boolean; hasWords: boolean; hasRefusal: boolean };

const kindsOf = (parts: readonly AnswerPart[]): Kinds => ({
  hasCalls: parts.some(({ type }) => type === "tool_call"),
  hasWords: parts.some(({ type }) => type === "text"),
  hasRefusal: parts.some(({ type }) => type === "refusal"),
});

export function reasonOf(
  { status, incomplete_details }: JsonObject,
  { hasCalls, hasWords, hasRefusal }: Kinds,
): FinishReason {
  if (status === "incomplete") {
    const reason = isRecord(incomplete_details) ? incomplete_details["reason"] : undefined;
    if (reason === "max_output_tokens") return "length";
    return reason === "content_filter" ? "content_filter" : "other";
  }
  if (hasCalls) return "tool_calls";
  return hasRefusal && !hasWords ? "refusal" : "stop";
}

/** Items of tools that the provider runs tell how it came to its answer; they were not asked for in other dialects. */
function toParts(item: JsonObject): AnswerPart[] {
  switch (item["type"]) {
    case "message":
      return listIn(item["content"]).flatMap(toSaid);
    case "reasoning":
      return [{ type: "reasoning", text: thoughtsIn(item), ...sealsIn(item) }];
    case "function_call":
      return [{ ...callIn(item), type: "tool_call", arguments: argumentsIn(item["arguments"]) }];
    default:
      return [];
  }
}

export function callIn(item: JsonObject): { id: string; name: string } {
  return { id: textIn(item["call_id"]) || textIn(item["id"]), name: textIn(item["name"]) };
}

function toSaid(part: JsonObject): AnswerPart[] {
  if (part["type"] === "refusal") return [{ type: "refusal", text: textIn(part["refusal"]) }];
  if (part["type"] !== "output_text" || textIn(part["text"]) === "") return [];
  const annotations = listIn(part["annotations"]).flatMap(toAnnotation);
  const logprobs = logprobsIn(part["logprobs"]);
  return [
    {
      type: "text",
      text: textIn(part["text"]),
      ...(annotations.length === 0 ? {} : { annotations }),
      ...(logprobs.length === 0 ? {} : { logprobs }),
    },
  ];
}

export const logprobsIn = (wire: unknown): TokenLogprob[] =>
  toLogprobs({ content: wire }, "content");

/** Citations of files name what only their provider has. */
export function toAnnotation(wire: JsonObject): Annotation[] {
  const { type, url, title, start_index: start, end_index: end } = wire;
  if (type !== "url_citation" || typeof url !== "string") return [];
  return [
    {
      url,
      ...(typeof title === "string" ? { title } : {}),
      ...(typeof start === "number" ? { start } : {}),
      ...(typeof end === "number" ? { end } : {}),
    },
  ];
}

/** Between two pieces of a summary, and between a summary and what it is of. */
export const BETWEEN_THOUGHTS = "\n\n";

function thoughtsIn(item: JsonObject): string {
  const texts = [...listIn(item["summary"]), ...listIn(item["content"])];
  return texts.map(({ text }) => textIn(text)).join(BETWEEN_THOUGHTS);
}

/** Only this provider reads its thoughts again, by their encrypted form. */
export function sealsIn(item: JsonObject): Omit<ReasoningPart, "type" | "text"> {
  const encrypted = textIn(item["encrypted_content"]);
  if (encrypted === "") return {};
  const id = textIn(item["id"]);
  return { encrypted, ...(id === "" ? {} : { id }), sealedBy: "openai-responses" };
}
