/** Thoughts and their seals ↔ `thinking` and `redacted_thinking` blocks. */
import type { JsonObject } from "../../../lib/json.ts";
import type { ReasoningPart } from "../../neutral/prompt.ts";
import { isWrappedSeal, unwrapSeal, wrapSeal } from "../../neutral/seal.ts";
import type { WireThinking } from "./request-shape.ts";

const OWN = "anthropic-messages";

/**
 * For a client. The signature is its only field for seals, and it wants one even where a provider gave none, so every
 * other seal travels in it. A client that shall not see the thoughts (`display: "omitted"`) carries them in there, too:
 * some providers want them back.
 */
export function toThinking(part: ReasoningPart, { isOmitted }: { isOmitted: boolean }): JsonObject {
  const thinking = isOmitted ? "" : part.text;
  const own = toOwnThinking(part);
  if (own !== undefined) return own["type"] === "thinking" ? { ...own, thinking } : own;
  const { type: _, text, sealedBy, ...seals } = part;
  const hidden = isOmitted && text !== "" ? { text } : {};
  // Thoughts without any seal come from servers of the dialect that has none.
  const signature = wrapSeal({ sealedBy: sealedBy ?? "openai-chat", ...seals, ...hidden });
  return text === "" ? redacted(signature) : { type: "thinking", thinking, signature };
}

const redacted = (data: string): JsonObject => ({ type: "redacted_thinking", data });

export function fromThinking(block: WireThinking): ReasoningPart {
  const [text, seal] =
    block.type === "thinking" ? [block.thinking, block.signature] : ["", block.data];
  const unwrapped = unwrapSeal(seal);
  if (unwrapped !== undefined) return { type: "reasoning", text, ...unwrapped };
  if (seal === "") return { type: "reasoning", text };
  const field = block.type === "thinking" ? "signature" : "encrypted";
  return { type: "reasoning", text, [field]: seal, sealedBy: OWN };
}

/** For a provider; undefined for what it has not sealed itself, which it would refuse. */
export function toOwnThinking(part: ReasoningPart): JsonObject | undefined {
  const { text, signature, encrypted, id, sealedBy = OWN } = part;
  // An id stands beside what OpenAI has encrypted.
  if (sealedBy !== OWN || id !== undefined) return undefined;
  if (signature !== undefined) return { type: "thinking", thinking: text, signature };
  return encrypted === undefined ? undefined : redacted(encrypted);
}

/**
 * The messages without other providers' thoughts, which their clients have kept in our envelopes. The list itself,
 * where there are none: a client's own words are not touched.
 */
export function withoutForeignThinking(messages: unknown): unknown {
  if (!Array.isArray(messages) || !messages.some(holdsEnvelope)) return messages;
  return messages.flatMap((message: JsonObject) => {
    if (!holdsEnvelope(message)) return [message];
    const content = blocksOf(message).flatMap((block) =>
      isEnvelope(block) ? opened(block) : block,
    );
    return content.length === 0 ? [] : [{ ...message, content }];
  });
}

const blocksOf = (message: unknown): unknown[] => {
  const content = (message as { content?: unknown } | null)?.content;
  return Array.isArray(content) ? content : [];
};

const holdsEnvelope = (message: unknown): boolean => blocksOf(message).some(isEnvelope);

function isEnvelope(block: unknown): block is WireThinking {
  const { type, signature, data } = (block ?? {}) as Record<string, unknown>;
  if (type === "thinking") return isWrappedSeal(signature);
  return type === "redacted_thinking" && isWrappedSeal(data);
}

function opened(block: WireThinking): JsonObject[] {
  const own = toOwnThinking(fromThinking(block));
  return own === undefined ? [] : [own];
}
