/** A whole chat completion → the neutral answer. Lenient: what a provider leaves out is not known. */
import type { JsonObject } from "../../../lib/json.ts";
import type {
  Annotation,
  AnswerPart,
  Choice,
  NeutralAnswer,
  ReadUsage,
  TokenLogprob,
} from "../../neutral/answer.ts";
import { type Kinds, toFinishReason } from "./finish-reasons.ts";
import { toReasoningPart } from "./reasoning-details.ts";
import { readUsage } from "./usage.ts";
import { isRecord, listIn } from "./wire.ts";

export function decodeAnswer(body: JsonObject): NeutralAnswer {
  const choices = listIn(body["choices"]);
  const usage = toUsage(usageIn(body, choices));
  return {
    ...factsIn(body),
    choices: choices.map((wire, index) => toChoice(wire, `${textIn(body["id"])}-${index}`)),
    ...(usage === undefined ? {} : { usage }),
  };
}

export type AnswerHead = Pick<NeutralAnswer, "id" | "model" | "createdS" | "serviceTier">;

/** What whole answers and every chunk of a stream say of themselves. */
export function factsIn({ id, model, created, service_tier }: JsonObject): AnswerHead {
  return {
    ...(textIn(id) === "" ? {} : { id: textIn(id) }),
    ...(textIn(model) === "" ? {} : { model: textIn(model) }),
    ...(typeof created === "number" && created > 0 ? { createdS: created } : {}),
    ...(textIn(service_tier) === "" ? {} : { serviceTier: textIn(service_tier) }),
  };
}

/** At the top, or where Moonshot and Groq put it in streams. */
export function usageIn(body: JsonObject, choices: readonly JsonObject[]): unknown {
  if (isRecord(body["usage"])) return body["usage"];
  if (isRecord(body["x_groq"])) return body["x_groq"]["usage"];
  for (const { usage } of choices) if (isRecord(usage)) return usage;
  return undefined;
}

export function toUsage(raw: unknown): ReadUsage | undefined {
  const quantities = readUsage(raw);
  return quantities === undefined ? undefined : { quantities, raw };
}

function toChoice(wire: JsonObject, place: string): Choice {
  const message = isRecord(wire["message"]) ? wire["message"] : {};
  const parts: AnswerPart[] = [
    ...toReasoning(message),
    ...toText(message, wire["logprobs"]),
    ...toRefusal(message, wire["logprobs"]),
    ...toCalls(message, place),
  ];
  return { parts, reason: toFinishReason(textIn(wire["finish_reason"]), kindsOf(parts)) };
}

const kindsOf = (parts: readonly AnswerPart[]): Kinds => ({
  hasCalls: parts.some(({ type }) => type === "tool_call"),
  hasWords: parts.some(({ type }) => type === "text"),
  hasRefusal: parts.some(({ type }) => type === "refusal"),
});

function toReasoning(message: JsonObject): AnswerPart[] {
  const details = listIn(message["reasoning_details"]);
  if (details.length > 0) return details.map(toReasoningPart);
  const text = reasoningIn(message);
  return text === "" ? [] : [{ type: "reasoning", text }];
}

/** Servers that changed the name send the same words under both. */
export function reasoningIn({ reasoning_content, reasoning }: JsonObject): string {
  return textIn(reasoning_content) || textIn(reasoning);
}

/**
 * Sound was not asked for in the words that reach this decoder; a model that speaks all the same says in writing
 * what it said.
 */
export function wordsIn({ content, audio }: JsonObject): string {
  return textIn(content) || (isRecord(audio) ? textIn(audio["transcript"]) : "");
}

function toText(message: JsonObject, logprobs: unknown): AnswerPart[] {
  const text = wordsIn(message);
  if (text === "") return [];
  const annotations = toAnnotations(message["annotations"]);
  const probabilities = toLogprobs(logprobs, "content");
  return [
    {
      type: "text",
      text,
      ...(annotations.length === 0 ? {} : { annotations }),
      ...(probabilities.length === 0 ? {} : { logprobs: probabilities }),
    },
  ];
}

function toRefusal(message: JsonObject, logprobs: unknown): AnswerPart[] {
  const text = textIn(message["refusal"]);
  if (text === "") return [];
  const probabilities = toLogprobs(logprobs, "refusal");
  return [
    {
      type: "refusal",
      text,
      ...(probabilities.length === 0 ? {} : { logprobs: probabilities }),
    },
  ];
}

function toCalls(message: JsonObject, place: string): AnswerPart[] {
  return listIn(message["tool_calls"]).map((call, index) => {
    const called = isRecord(call["function"]) ? call["function"] : {};
    return {
      type: "tool_call",
      id: textIn(call["id"]) || madeCallId(place, index),
      name: textIn(called["name"]),
      arguments: argumentsIn(called["arguments"]),
    };
  });
}

/** As text; some servers send the object itself. */
export function argumentsIn(wire: unknown): string {
  if (typeof wire === "string") return wire;
  return isRecord(wire) ? JSON.stringify(wire) : "";
}

/** For servers that give none. It must only differ from the others that the client sends back. */
export function madeCallId(place: string, index: number): string {
  return `call_${Bun.hash(`${place}-${index}`).toString(36)}`;
}

/** `before`: the characters of earlier texts, which count here and do not count in a part. */
export function toAnnotations(wire: unknown, before = 0): Annotation[] {
  return listIn(wire).flatMap((annotation) => {
    const cited = annotation["url_citation"];
    if (!isRecord(cited) || typeof cited["url"] !== "string") return [];
    const { url, title, start_index: start, end_index: end } = cited;
    return [
      {
        url,
        ...(typeof title === "string" ? { title } : {}),
        ...(typeof start === "number" ? { start: Math.max(start - before, 0) } : {}),
        ...(typeof end === "number" ? { end: Math.max(end - before, 0) } : {}),
      },
    ];
  });
}

export function toLogprobs(wire: unknown, of: "content" | "refusal"): TokenLogprob[] {
  return isRecord(wire) ? listIn(wire[of]).map(toLogprob) : [];
}

function toLogprob(wire: JsonObject): TokenLogprob {
  return { ...toLikely(wire), top_logprobs: listIn(wire["top_logprobs"]).map(toLikely) };
}

/** What OpenAI itself writes for a token that was not among the likely ones; JSON has no infinity. */
const UNLIKELY = -9999;

function toLikely({ token, logprob, bytes }: JsonObject): Omit<TokenLogprob, "top_logprobs"> {
  return {
    token: textIn(token),
    logprob: typeof logprob === "number" ? logprob : UNLIKELY,
    bytes: Array.isArray(bytes) ? bytes.filter((byte) => typeof byte === "number") : null,
  };
}

export function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}
