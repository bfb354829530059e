/** Neutral messages → system text and alternating messages. */
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import {
  type AssistantPart,
  type FilePart,
  type ImagePart,
  type MediaSource,
  type PromptMessage,
  type TextPart,
  type ToolCallPart,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../../neutral/prompt.ts";
import { parseRecord } from "../openai-chat/wire.ts";
import { toOwnThinking } from "./thinking-blocks.ts";

/** All of it, wherever it stood: only the newest models take instructions in the middle of a conversation. */
export function encodeSystem(messages: readonly PromptMessage[]): JsonObject[] | undefined {
  const parts = messages.flatMap((message) => (message.role === "system" ? message.parts : []));
  return parts.length === 0 ? undefined : parts.flatMap(toText);
}

type Turn = { role: "user" | "assistant"; content: JsonObject[] };

/** Results of tools are said by the user; who speaks twice in a row speaks once. */
export function encodeMessages(messages: readonly PromptMessage[]): Turn[] {
  const turns: Turn[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const turn = toTurn(message);
    const last = turns.at(-1);
    if (last?.role === turn.role) last.content.push(...turn.content);
    // An answer of nothing but thoughts that only its own provider can read leaves nothing to say.
    else if (turn.content.length > 0 || turn.role === "user") turns.push(turn);
  }
  return turns;
}

function toTurn(message: Exclude<PromptMessage, { role: "system" }>): Turn {
  if (message.role === "tool") return { role: "user", content: message.parts.map(toToolResult) };
  if (message.name !== undefined) throw untranslatable("name", "its speakers have no names");
  if (message.role === "user") return { role: "user", content: message.parts.flatMap(toUserBlock) };
  return { role: "assistant", content: message.parts.flatMap(toAssistantBlock) };
}

function toUserBlock(part: UserPart): JsonObject[] {
  switch (part.type) {
    case "text":
      return toText(part);
    case "image":
      return [toImage(part)];
    case "audio":
      throw untranslatable("input_audio", "it does not hear");
    case "file":
      return [toDocument(part)];
  }
}

/** Empty texts are refused. */
function toText({ text, cache }: TextPart): JsonObject[] {
  return text === "" ? [] : [{ type: "text", text, ...markOf(cache) }];
}

const markOf = (cache: TextPart["cache"]): JsonObject =>
  cache === undefined ? {} : { cache_control: { type: "ephemeral", ...cache } };

function toImage({ source, detail, cache }: ImagePart): JsonObject {
  if (detail === "low") throw untranslatable("detail", "it looks at every image in full");
  return { type: "image", source: toSource(source, "image"), ...markOf(cache) };
}

function toSource(source: MediaSource, what: string): JsonObject {
  if ("url" in source) return { type: "url", url: source.url };
  if ("data" in source) {
    return { type: "base64", media_type: source.mediaType, data: source.data };
  }
  throw untranslatable(what, "the id of a file means something only where it was uploaded");
}

function toDocument({ source, filename, cache }: FilePart): JsonObject {
  const isText = "data" in source && source.mediaType.startsWith("text/");
  return {
    type: "document",
    source: isText ? toPlainText(source.data) : toSource(source, "file"),
    ...(filename === undefined ? {} : { title: filename }),
    ...markOf(cache),
  };
}

function toPlainText(base64: string): JsonObject {
  const data = Buffer.from(base64, "base64").toString("utf8");
  return { type: "text", media_type: "text/plain", data };
}

function toAssistantBlock(part: AssistantPart): JsonObject[] {
  switch (part.type) {
    case "text":
      return toText(part);
    case "refusal":
      return toText({ type: "text", text: part.text });
    case "reasoning": {
      const block = toOwnThinking(part);
      return block === undefined ? [] : [block];
    }
    case "tool_call":
      return [toToolUse(part)];
  }
}

function toToolUse({ id, name, arguments: text, cache }: ToolCallPart): JsonObject {
  return { type: "tool_use", id: toToolId(id), name, input: toInput(text), ...markOf(cache) };
}

/** An input must be an object. What a model has written wrong is shown to it as it was, under a name that says so. */
export function toInput(text: string): JsonObject {
  if (text.trim() === "") return {};
  return parseRecord(text) ?? { INVALID_JSON: text };
}

const TOOL_ID = /^[a-zA-Z0-9_-]+$/;

/** Ids of other providers hold dots and colons, which are refused. The same id becomes the same one everywhere. */
function toToolId(id: string): string {
  if (TOOL_ID.test(id)) return id;
  if (id === "") throw new Failure("invalid", "A call of a tool has no id.", { param: "id" });
  return id.replaceAll(/[^a-zA-Z0-9_-]/g, "_");
}

function toToolResult({ callId, parts, isError, cache }: ToolResultPart): JsonObject {
  const content = parts.flatMap(toUserBlock);
  return {
    type: "tool_result",
    tool_use_id: toToolId(callId),
    ...(content.length === 0 ? {} : { content }),
    ...(isError === true ? { is_error: true } : {}),
    ...markOf(cache),
  };
}
