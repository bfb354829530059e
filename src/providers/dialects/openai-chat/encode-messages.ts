/** Neutral messages → the messages of a chat request. */
import type { JsonObject } from "../../../lib/json.ts";
import {
  type AssistantPart,
  type CacheMark,
  type FilePart,
  type ImagePart,
  type PromptMessage,
  type ReasoningPart,
  type TextPart,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../../neutral/prompt.ts";
import type { Quirks } from "../../upstream.ts";
import { toReasoningDetails } from "./reasoning-details.ts";

/** @throws Failure `UNTRANSLATABLE` */
export function encodeMessages(messages: readonly PromptMessage[], quirks: Quirks): JsonObject[] {
  if (quirks.system_first === true) assertSystemFirst(messages);
  return joinResults(messages).flatMap((message) => toMessages(message, quirks));
}

/** All results of a turn, so that nothing comes between them. */
function joinResults(messages: readonly PromptMessage[]): PromptMessage[] {
  const joined: PromptMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (message.role !== "tool" || last?.role !== "tool") joined.push(message);
    else joined[joined.length - 1] = { role: "tool", parts: [...last.parts, ...message.parts] };
  }
  return joined;
}

function assertSystemFirst(messages: readonly PromptMessage[]): void {
  const begun = messages.findIndex(({ role }) => role !== "system");
  if (begun !== -1 && messages.slice(begun).some(({ role }) => role === "system")) {
    throw untranslatable("messages", "its provider takes system messages at the beginning only");
  }
}

function toMessages(message: PromptMessage, quirks: Quirks): JsonObject[] {
  switch (message.role) {
    case "system":
      return [
        { role: quirks.developer_role ?? "system", content: toContent(message.parts, quirks) },
      ];
    case "user":
      return [{ role: "user", content: toContent(message.parts, quirks), ...nameOf(message) }];
    case "assistant":
      return [{ ...toAssistant(message.parts, quirks), ...nameOf(message) }];
    case "tool":
      return toToolMessages(message.parts, quirks);
  }
}

const nameOf = ({ name }: { name?: string }): JsonObject => (name === undefined ? {} : { name });

/** One plain text is sent as such: not every server takes a list of parts where it has nothing but text. */
function toContent(parts: readonly UserPart[], quirks: Quirks): string | JsonObject[] {
  if (parts.length === 0) return "";
  const texts = parts.filter((part) => part.type === "text");
  if (quirks.plain_content === true && texts.length === parts.length) {
    return texts.map(({ text }) => text).join("\n\n");
  }
  const content = parts.map((part) => toPart(part, quirks));
  const [only] = content;
  const isPlain = parts.length === 1 && only?.["type"] === "text" && Object.keys(only).length === 2;
  return isPlain ? String(only["text"]) : content;
}

function toPart(part: UserPart, quirks: Quirks): JsonObject {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text, ...markOf(part.cache, quirks) };
    case "image": {
      const { detail } = part;
      const image = { url: toImageUrl(part), ...(detail === undefined ? {} : { detail }) };
      return { type: "image_url", image_url: image, ...markOf(part.cache, quirks) };
    }
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
    case "file":
      return { type: "file", file: toFile(part), ...markOf(part.cache, quirks) };
  }
}

/** A mark is a wish, not a word of the prompt: a provider that takes none caches by its own rules. */
function markOf(cache: CacheMark | undefined, { cache_marks }: Quirks): JsonObject {
  if (cache === undefined || cache_marks === undefined) return {};
  if (cache_marks === "cache_control") return { cache_control: { type: "ephemeral", ...cache } };
  return { prompt_cache_breakpoint: { mode: "explicit" } };
}

function toImageUrl({ source }: ImagePart): string {
  if ("url" in source) return source.url;
  if ("data" in source) return `data:${source.mediaType};base64,${source.data}`;
  throw untranslatable(
    "image",
    "its provider takes pictures by their URL or as data, not by the id of a file",
  );
}

function toFile({ source, filename }: FilePart): JsonObject {
  const name = filename === undefined ? {} : { filename };
  if ("fileId" in source) return { file_id: source.fileId, ...name };
  if ("data" in source) {
    return { file_data: `data:${source.mediaType};base64,${source.data}`, ...name };
  }
  throw untranslatable("file", "its provider takes files as data or by their id, not by a URL");
}

/**
 * Thoughts, words and calls have a place each, so their order between each other is not said: words come before
 * calls, which is how models write them.
 */
function toAssistant(parts: readonly AssistantPart[], quirks: Quirks): JsonObject {
  const said = parts.filter((part) => part.type === "text");
  const refused = parts.filter((part) => part.type === "refusal").map((part) => part.text);
  const calls = parts.filter((part) => part.type === "tool_call");
  return {
    role: "assistant",
    content: said.length === 0 ? null : toContent(said satisfies TextPart[], quirks),
    ...(refused.length === 0 ? {} : { refusal: refused.join("") }),
    ...toReplay(
      parts.filter((part) => part.type === "reasoning"),
      quirks,
    ),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map(({ id, name, arguments: text }) => ({
            id,
            type: "function",
            function: { name, arguments: text },
          })),
        }),
  };
}

/**
 * By this API, models do not read their thoughts again, and OpenAI refuses the field; some providers want them back,
 * under a name that their quirk says.
 */
function toReplay(parts: readonly ReasoningPart[], { reasoning_replay }: Quirks): JsonObject {
  if (parts.length === 0 || reasoning_replay === undefined) return {};
  if (reasoning_replay === "reasoning_details")
    return { reasoning_details: toReasoningDetails(parts) };
  return { [reasoning_replay]: parts.map((part) => part.text).join("\n\n") };
}

/** There is no place for a failure, so it is said in words. */
const FAILED: TextPart = { type: "text", text: "The tool failed:" };

/** Results are texts. The user shows the pictures and files among them right behind, and says where they belong. */
function toToolMessages(results: readonly ToolResultPart[], quirks: Quirks): JsonObject[] {
  const shown = results.flatMap(({ callId, parts }): UserPart[] => {
    const media = parts.filter((part) => part.type !== "text");
    if (media.length === 0) return [];
    return [{ type: "text", text: `In the result of the call ${callId}:` }, ...media];
  });
  const told = results.map((result) => toToolMessage(result, quirks));
  return shown.length === 0 ? told : [...told, { role: "user", content: toContent(shown, quirks) }];
}

function toToolMessage({ callId, parts, isError }: ToolResultPart, quirks: Quirks): JsonObject {
  const texts = parts.filter((part) => part.type === "text");
  if (texts.length < parts.length) texts.push(SHOWN);
  const content = toContent(isError === true ? [FAILED, ...texts] : texts, quirks);
  return { role: "tool", tool_call_id: callId, content };
}

const SHOWN: TextPart = { type: "text", text: "(What it shows follows.)" };
