/**
 * Thoughts with their seals, so that a client can send them back: the list that OpenRouter has made common. Its
 * `format` says who can open the seal.
 * https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks
 */
import type { JsonObject } from "../../../lib/json.ts";
import type { ReasoningPart } from "../../neutral/prompt.ts";
import type { ChatDialectName } from "../../upstream.ts";

const formats = {
  "anthropic-messages": "anthropic-claude-v1",
  "openai-responses": "openai-responses-v1",
  "openai-chat": "unknown",
} as const satisfies Record<ChatDialectName, string>;

const known = ["anthropic-messages", "openai-responses"] as const;

export function toReasoningDetails(parts: readonly ReasoningPart[]): JsonObject[] {
  return parts.map(toReasoningDetail);
}

export function toReasoningDetail(part: ReasoningPart, index: number): JsonObject {
  const { text, signature, encrypted, id, sealedBy } = part;
  return {
    type: encrypted !== undefined && text === "" ? "reasoning.encrypted" : "reasoning.text",
    index,
    ...(text === "" ? {} : { text }),
    ...(signature === undefined ? {} : { signature }),
    ...(encrypted === undefined ? {} : { data: encrypted }),
    ...(id === undefined ? {} : { id }),
    ...(sealedBy === undefined ? {} : { format: formats[sealedBy] }),
  };
}

type Seals = Omit<ReasoningPart, "type" | "text">;

/** Lenient, in both directions: what is no text is not there. */
export function readReasoningDetail(detail: JsonObject): { text: string; seals: Seals } {
  const { text, summary, data, signature, id, format } = detail;
  const isSealed = typeof signature === "string" || typeof data === "string";
  return {
    text: typeof text === "string" ? text : typeof summary === "string" ? summary : "",
    seals: {
      ...(typeof signature === "string" ? { signature } : {}),
      ...(typeof data === "string" ? { encrypted: data } : {}),
      ...(typeof id === "string" ? { id } : {}),
      ...(isSealed ? { sealedBy: sealerOf(format) } : {}),
    },
  };
}

/** A format that nobody knows here is for the server of this dialect that wrote it. */
function sealerOf(format: unknown): ChatDialectName {
  return known.find((name) => formats[name] === format) ?? "openai-chat";
}

export function toReasoningPart(detail: JsonObject): ReasoningPart {
  const { text, seals } = readReasoningDetail(detail);
  return { type: "reasoning", text, ...seals };
}
