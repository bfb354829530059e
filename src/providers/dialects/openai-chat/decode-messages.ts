/** The messages of a chat request → neutral messages. */
import { Failure } from "../../../lib/errors.ts";
import type {
  AssistantPart,
  CacheMark,
  MediaSource,
  PromptMessage,
  ReasoningPart,
  TextPart,
  ToolResultPart,
  UserPart,
} from "../../neutral/prompt.ts";
import { toReasoningPart } from "./reasoning-details.ts";
import type {
  CacheFields,
  WireAssistantMessage,
  WireMessage,
  WireTextPart,
  WireUserPart,
} from "./request-shape.ts";

export function decodeMessages(wire: readonly WireMessage[]): PromptMessage[] {
  const messages: PromptMessage[] = [];
  for (const [index, message] of wire.entries()) {
    const decoded = decodeMessage(message, index);
    const last = messages.at(-1);
    // The answers to calls of one turn belong together, however many messages they take here.
    if (decoded.role === "tool" && last?.role === "tool") last.parts.push(...decoded.parts);
    else messages.push(decoded);
  }
  return messages;
}

function decodeMessage(wire: WireMessage, index: number): PromptMessage {
  switch (wire.role) {
    case "system":
    case "developer":
      return { role: "system", parts: toTexts(wire.content) };
    case "user": {
      const parts = wire.content.flatMap((part, at) =>
        toUserPart(part, `messages[${index}].content[${at}]`),
      );
      return { role: "user", parts, ...(wire.name == null ? {} : { name: wire.name }) };
    }
    case "assistant":
      return {
        role: "assistant",
        parts: toAssistantParts(wire),
        ...(wire.name == null ? {} : { name: wire.name }),
      };
    case "tool":
      return { role: "tool", parts: [toToolResult(wire)] };
  }
}

/** An empty text says nothing, and some dialects refuse it. */
function toTexts(wire: readonly WireTextPart[]): TextPart[] {
  return wire.filter(({ text }) => text !== "").map(toText);
}

const toText = (wire: WireTextPart): TextPart => ({
  type: "text",
  text: wire.text,
  ...cacheOf(wire),
});

function toUserPart(wire: WireUserPart, place: string): UserPart[] {
  switch (wire.type) {
    case "text":
      return toTexts([wire]);
    case "image_url": {
      const { url, detail } = wire.image_url;
      const source = dataIn(url) ?? { url };
      return [{ type: "image", source, ...(detail == null ? {} : { detail }), ...cacheOf(wire) }];
    }
    case "input_audio":
      // Its cache mark is left out: no other dialect caches sound, and the mark is a wish.
      return [{ type: "audio", ...wire.input_audio }];
    case "file": {
      const { filename } = wire.file;
      const source = toFileSource(wire.file, place);
      return [
        { type: "file", source, ...(filename == null ? {} : { filename }), ...cacheOf(wire) },
      ];
    }
  }
}

function toFileSource(
  file: Extract<WireUserPart, { type: "file" }>["file"],
  place: string,
): MediaSource {
  if (file.file_id != null) return { fileId: file.file_id };
  const data = dataIn(file.file_data ?? "");
  if (data !== undefined) return data;
  const param = `${place}.file.file_data`;
  const shape = "data:<media type>;base64,<data>";
  throw new Failure("invalid", `'${param}' is not valid: expected ${shape}, or a 'file_id'.`, {
    param,
    code: "invalid_field",
  });
}

const DATA_URL = /^data:([^;,]+)(?:;[^;,]+)*;base64,/i;

/** A regular expression over the beginning only: the rest may be megabytes. */
const HEAD_CHARS = 256;

function dataIn(url: string): { data: string; mediaType: string } | undefined {
  const head = DATA_URL.exec(url.slice(0, HEAD_CHARS));
  if (head === null) return undefined;
  return { data: url.slice(head[0].length), mediaType: head[1] ?? "" };
}

/** In the order in which models of this dialect write: thoughts, words, calls. */
function toAssistantParts(wire: WireAssistantMessage): AssistantPart[] {
  const said = (wire.content ?? []).flatMap((part): AssistantPart[] =>
    part.type === "refusal" ? [{ type: "refusal", text: part.refusal }] : toTexts([part]),
  );
  const refusal: AssistantPart[] =
    wire.refusal == null || wire.refusal === "" ? [] : [{ type: "refusal", text: wire.refusal }];
  const calls = (wire.tool_calls ?? []).map(
    ({ id, function: called }): AssistantPart => ({ type: "tool_call", id, ...called }),
  );
  return [...toReasoning(wire), ...said, ...refusal, ...calls];
}

/** The details say the same as the plain text, with their seals. */
function toReasoning(wire: WireAssistantMessage): ReasoningPart[] {
  if (wire.reasoning_details != null && wire.reasoning_details.length > 0) {
    return wire.reasoning_details.map(toReasoningPart);
  }
  const text = wire.reasoning_content ?? wire.reasoning ?? "";
  return text === "" ? [] : [{ type: "reasoning", text }];
}

function toToolResult(wire: Extract<WireMessage, { role: "tool" }>): ToolResultPart {
  return { type: "tool_result", callId: wire.tool_call_id, parts: toTexts(wire.content ?? []) };
}

/** OpenAI's lifetimes are others than Anthropic's: what is marked so is kept for as long as is usual there. */
export function toCacheMark(wire: Partial<CacheFields>): CacheMark | undefined {
  if (wire.cache_control != null) {
    const { ttl } = wire.cache_control;
    return ttl == null ? {} : { ttl };
  }
  return wire.prompt_cache_breakpoint == null ? undefined : {};
}

function cacheOf(wire: Partial<CacheFields>): { cache?: CacheMark } {
  const cache = toCacheMark(wire);
  return cache === undefined ? {} : { cache };
}
