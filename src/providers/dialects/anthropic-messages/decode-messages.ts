/** The messages of a request → neutral messages. */
import {
  type AssistantPart,
  type CacheMark,
  type MediaSource,
  type PromptMessage,
  type TextPart,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../../neutral/prompt.ts";
import type {
  WireAssistantBlock,
  WireCacheControl,
  WireContextEdit,
  WireDocument,
  WireMediaSource,
  WireMessage,
  WireResultBlock,
  WireSearchResult,
  WireToolResult,
  WireUserBlock,
} from "./request-shape.ts";
import { fromThinking } from "./thinking-blocks.ts";

export function decodeMessages(wire: readonly WireMessage[]): PromptMessage[] {
  const lastUser = wire.findLastIndex(({ role }) => role === "user");
  return wire.flatMap((message, index) => decodeMessage(message, { index, lastUser }));
}

function decodeMessage(
  message: WireMessage,
  { index, lastUser }: { index: number; lastUser: number },
): PromptMessage[] {
  switch (message.role) {
    case "user":
      return decodeUser(message.content, `messages[${index}].content`);
    case "assistant":
      return [{ role: "assistant", parts: message.content.flatMap(toAssistantPart) }];
    case "system":
      if (message.clear_at === "next_user_message" && index < lastUser) return [];
      return [{ role: "system", parts: toTexts(message.content) }];
  }
}

/** Results of tools are blocks of user messages here, and messages of their own elsewhere. */
function decodeUser(blocks: readonly WireUserBlock[], place: string): PromptMessage[] {
  const messages: PromptMessage[] = [];
  for (const [index, block] of blocks.entries()) {
    const at = `${place}[${index}]`;
    const last = messages.at(-1);
    if (block.type === "tool_result") {
      const part = toToolResult(block, at);
      if (last?.role === "tool") last.parts.push(part);
      else messages.push({ role: "tool", parts: [part] });
    } else {
      const parts = toUserParts(block, at);
      if (last?.role === "user") last.parts.push(...parts);
      else messages.push({ role: "user", parts });
    }
  }
  return messages.length === 0 ? [{ role: "user", parts: [] }] : messages;
}

type ContentBlock = Exclude<WireUserBlock, WireToolResult>;
type ContentPart = Exclude<UserPart, { type: "audio" }>;

function toUserParts(block: ContentBlock, place: string): ContentPart[] {
  switch (block.type) {
    case "text":
      return toTexts([block]);
    case "image":
      return [{ type: "image", source: toSource(block.source), ...cacheOf(block) }];
    case "document":
      return toDocument(block, place);
    case "search_result":
      return toSearchResult(block, place);
  }
}

/** An empty text says nothing, and some dialects refuse it. */
export function toTexts(
  wire: readonly { text: string; cache_control?: WireCacheControl }[],
): TextPart[] {
  return wire
    .filter(({ text }) => text !== "")
    .map((block) => ({ type: "text", text: block.text, ...cacheOf(block) }));
}

function toSource(wire: WireMediaSource): MediaSource {
  if (wire.type === "url") return { url: wire.url };
  if (wire.type === "file") return { fileId: wire.file_id };
  return { data: wire.data, mediaType: wire.media_type };
}

/** A document of text is a text under its title; others keep the title as their file's name. */
function toDocument(wire: WireDocument, place: string): ContentPart[] {
  refuseCitations(wire, place);
  const { source, title } = wire;
  const heads = [title, wire.context].filter((head) => head != null && head !== "");
  const head: TextPart[] = heads.length === 0 ? [] : [{ type: "text", text: heads.join("\n") }];
  if (source.type === "text") {
    return [...head, { type: "text", text: source.data, ...cacheOf(wire) }];
  }
  if (source.type === "content") {
    const parts = source.content.flatMap((block) => toUserParts(block, place));
    const last = parts.at(-1);
    if (last !== undefined) Object.assign(last, cacheOf(wire));
    return [...head, ...parts];
  }
  const context: TextPart[] = wire.context ? [{ type: "text", text: wire.context }] : [];
  const name = title == null || title === "" ? {} : { filename: title };
  return [...context, { type: "file", source: toSource(source), ...name, ...cacheOf(wire) }];
}

function toSearchResult(wire: WireSearchResult, place: string): TextPart[] {
  refuseCitations(wire, place);
  const texts = wire.content.map(({ text }) => text);
  const text = [wire.title, wire.source, "", ...texts].join("\n");
  return [{ type: "text", text, ...cacheOf(wire) }];
}

function refuseCitations(wire: WireDocument | WireSearchResult, place: string): void {
  if (wire.citations?.enabled !== true) return;
  throw untranslatable(`${place}.citations`, "its provider does not cite what it was given");
}

function toToolResult(wire: WireToolResult, place: string): ToolResultPart {
  return {
    type: "tool_result",
    callId: wire.tool_use_id,
    parts: (wire.content ?? []).flatMap((block, index) =>
      toResultParts(block, `${place}.content[${index}]`),
    ),
    ...(wire.is_error == null ? {} : { isError: wire.is_error }),
    ...cacheOf(wire),
  };
}

/** A reference loads a tool that was deferred. Elsewhere no tool is, so its name is all there is to say. */
function toResultParts(block: WireResultBlock, place: string): ToolResultPart["parts"] {
  if (block.type !== "tool_reference") return toUserParts(block, place);
  return [{ type: "text", text: `The tool '${block.tool_name}' can be called now.` }];
}

function toAssistantPart(block: WireAssistantBlock): AssistantPart[] {
  switch (block.type) {
    case "text":
      return toTexts([block]);
    case "thinking":
    case "redacted_thinking":
      return [fromThinking(block)];
    case "tool_use": {
      const { id, name, input } = block;
      const text = JSON.stringify(input ?? {});
      return [{ type: "tool_call", id, name, arguments: text, ...cacheOf(block) }];
    }
  }
}

/** What Anthropic does to a conversation before its model reads it. By default it keeps the last turn's thoughts. */
export function clearThoughts(messages: PromptMessage[], { keep }: WireContextEdit): void {
  if (keep === "all" || keep?.type === "all") return;
  let left = keep?.value ?? 1;
  for (const message of messages.toReversed()) {
    if (message.role !== "assistant") continue;
    if (!message.parts.some(({ type }) => type === "reasoning")) continue;
    if (left <= 0) message.parts = message.parts.filter(({ type }) => type !== "reasoning");
    left -= 1;
  }
}

export function toCacheMark(wire: WireCacheControl): CacheMark | undefined {
  if (wire == null) return undefined;
  return wire.ttl == null ? {} : { ttl: wire.ttl };
}

function cacheOf(wire: { cache_control?: WireCacheControl }): { cache?: CacheMark } {
  const cache = toCacheMark(wire.cache_control);
  return cache === undefined ? {} : { cache };
}
