/** Neutral messages → the input items of a Responses request. */
import type { JsonObject } from "../../../lib/json.ts";
import {
  type AssistantPart,
  type CacheMark,
  type FilePart,
  type ImagePart,
  type MediaSource,
  type PromptMessage,
  type ReasoningPart,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../../neutral/prompt.ts";
import type { Quirks } from "../../upstream.ts";

/** @throws Failure `UNTRANSLATABLE` */
export function encodeItems(messages: readonly PromptMessage[], quirks: Quirks): JsonObject[] {
  return messages.flatMap((message) => toItems(message, quirks));
}

function toItems(message: PromptMessage, quirks: Quirks): JsonObject[] {
  if ("name" in message && message.name !== undefined) {
    throw untranslatable("name", "the messages of its provider have no names");
  }
  switch (message.role) {
    case "system": {
      const role = quirks.developer_role ?? "system";
      return [{ type: "message", role, content: toContent(message.parts, quirks) }];
    }
    case "user":
      return [{ type: "message", role: "user", content: toContent(message.parts, quirks) }];
    case "assistant":
      return toTurn(message.parts);
    case "tool":
      return message.parts.map((part) => toOutput(part, quirks));
  }
}

/** In their order. Words in a row are one message. */
function toTurn(parts: readonly AssistantPart[]): JsonObject[] {
  const items: JsonObject[] = [];
  let said: JsonObject[] | undefined;
  for (const part of parts) {
    if (part.type === "text" || part.type === "refusal") {
      if (said === undefined) {
        said = [];
        items.push({ type: "message", role: "assistant", content: said });
      }
      said.push(toSaid(part));
    } else {
      said = undefined;
      items.push(...(part.type === "reasoning" ? toReasoning(part) : [toCall(part)]));
    }
  }
  return items;
}

function toSaid(part: Extract<AssistantPart, { type: "text" | "refusal" }>): JsonObject {
  if (part.type === "refusal") return { type: "refusal", refusal: part.text };
  return { type: "output_text", text: part.text, annotations: [] };
}

function toCall(part: Extract<AssistantPart, { type: "tool_call" }>): JsonObject {
  return {
    type: "function_call",
    call_id: part.id,
    name: part.name,
    arguments: part.arguments,
  };
}

/** Thoughts are read again by whoever sealed them; without a seal of this API there is nothing to be read. */
function toReasoning({ text, encrypted, signature, id, sealedBy }: ReasoningPart): JsonObject[] {
  const isOurs = (sealedBy ?? "openai-responses") === "openai-responses";
  if (!isOurs || encrypted === undefined || signature !== undefined) return [];
  return [
    {
      type: "reasoning",
      ...(id === undefined ? {} : { id }),
      summary: text === "" ? [] : [{ type: "summary_text", text }],
      encrypted_content: encrypted,
    },
  ];
}

function toContent(parts: readonly UserPart[], quirks: Quirks): JsonObject[] {
  return parts.map((part) => toPart(part, quirks));
}

function toPart(part: UserPart, quirks: Quirks): JsonObject {
  switch (part.type) {
    case "text":
      return { type: "input_text", text: part.text, ...markOf(part.cache, quirks) };
    case "image":
      return { ...toImage(part), ...markOf(part.cache, quirks) };
    case "audio": {
      const { data, format } = part;
      return { type: "input_audio", input_audio: { data, format } };
    }
    case "file":
      return { ...toFile(part), ...markOf(part.cache, quirks) };
  }
}

/** A mark is a wish, not a word of the prompt: a provider that takes none caches by its own rules. */
function markOf(cache: CacheMark | undefined, { cache_marks }: Quirks): JsonObject {
  if (cache === undefined || cache_marks !== "prompt_cache_breakpoint") return {};
  return { prompt_cache_breakpoint: { mode: "explicit" } };
}

const toDataUrl = ({ data, mediaType }: Extract<MediaSource, { data: string }>): string =>
  `data:${mediaType};base64,${data}`;

function toImage({ source, detail }: ImagePart): JsonObject {
  const image =
    "fileId" in source
      ? { file_id: source.fileId }
      : { image_url: "url" in source ? source.url : toDataUrl(source) };
  return { type: "input_image", ...image, detail: detail ?? "auto" };
}

function toFile({ source, filename }: FilePart): JsonObject {
  const name = filename === undefined ? {} : { filename };
  if ("fileId" in source) return { type: "input_file", file_id: source.fileId };
  if ("url" in source) return { type: "input_file", file_url: source.url };
  // Data without a name is refused there.
  return { type: "input_file", filename: "file", ...name, file_data: toDataUrl(source) };
}

/** There is no place for a failure, so it is said in words. */
const FAILED: JsonObject = { type: "input_text", text: "The tool failed:" };

/** One plain text is sent as such: not every server takes a list there. */
function toOutput({ callId, parts, isError }: ToolResultPart, quirks: Quirks): JsonObject {
  const content = toContent(parts, quirks);
  if (isError === true) content.unshift(FAILED);
  const isPlain = content.every(({ type }) => type === "input_text") && content.length <= 1;
  const output = isPlain ? String(content[0]?.["text"] ?? "") : content;
  return { type: "function_call_output", call_id: callId, output };
}
