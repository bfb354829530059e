/** Neutral messages → the prompt that the packages take. */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { parseRecord } from "../dialects/openai-chat/wire.ts";
import {
  type AssistantPart,
  type AudioPart,
  type CacheMark,
  type FilePart,
  type ImagePart,
  type PromptMessage,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../neutral/prompt.ts";
import type { Api } from "./apis/api.ts";

export type MessageOptions = {
  api: Api;
  upstreamModel: string;
  /** Addresses that the provider fetches itself, by media type; nobody else fetches any. */
  supportedUrls: Readonly<Record<string, RegExp[]>>;
};

type AssistantContent = Extract<LanguageModelV4Message, { role: "assistant" }>["content"];

export function toMessages(
  messages: readonly PromptMessage[],
  options: MessageOptions,
): LanguageModelV4Prompt {
  const toolNames = toolNamesIn(messages);
  return messages.flatMap((message) => toMessage(message, toolNames, options));
}

function toMessage(
  message: PromptMessage,
  toolNames: ReadonlyMap<string, string>,
  options: MessageOptions,
): LanguageModelV4Message[] {
  switch (message.role) {
    case "system":
      return message.parts
        .filter((part) => part.text !== "")
        .map(({ text, cache }) => ({
          role: "system",
          content: text,
          ...marked(cache, options),
        }));
    case "user":
      return filled(
        "user",
        message.parts.flatMap((part) => toUserPart(part, options)),
      );
    case "assistant":
      return toAssistant(message.parts, options);
    case "tool":
      return [
        {
          role: "tool",
          content: message.parts.map((part) => toToolResult(part, toolNames, options)),
        },
      ];
  }
}

/** Results name only the call; these APIs want the tool's name, too. */
function toolNamesIn(messages: readonly PromptMessage[]): ReadonlyMap<string, string> {
  const calls = messages
    .flatMap((message) => (message.role === "assistant" ? message.parts : []))
    .filter((part) => part.type === "tool_call");
  return new Map(calls.map(({ id, name }) => [id, name]));
}

/** An empty message is refused everywhere. */
function filled<Role extends "user" | "assistant">(
  role: Role,
  content: Extract<LanguageModelV4Message, { role: Role }>["content"],
): LanguageModelV4Message[] {
  return content.length === 0 ? [] : [{ role, content } as LanguageModelV4Message];
}

const marked = (
  cache: CacheMark | undefined,
  { api }: MessageOptions,
): { providerOptions?: SharedV4ProviderOptions } =>
  cache === undefined || api.cacheMark === undefined
    ? {}
    : { providerOptions: api.cacheMark(cache) };

function toUserPart(
  part: UserPart,
  options: MessageOptions,
): (LanguageModelV4TextPart | LanguageModelV4FilePart)[] {
  if (part.type !== "text") return [toFile(part, options)];
  if (part.text === "") return [];
  return [{ type: "text", text: part.text, ...marked(part.cache, options) }];
}

function toFile(
  part: ImagePart | FilePart | AudioPart,
  options: MessageOptions,
): LanguageModelV4FilePart {
  if (part.type === "audio") {
    return { type: "file", data: { type: "data", data: part.data }, mediaType: typeOfAudio(part) };
  }
  const { source } = part;
  const common = {
    type: "file",
    ...(part.type === "file" && part.filename !== undefined ? { filename: part.filename } : {}),
    ...marked(part.cache, options),
  } as const;
  if ("url" in source) return { ...common, ...toUrl(source.url, part, options) };
  if ("fileId" in source) throw untranslatable(part.type, "it does not know the ids of files");
  const { data, mediaType } = source;
  // Where texts have no place of their own, the package would take the bytes for one.
  const content = mediaType.startsWith("text/")
    ? ({ type: "text", text: Buffer.from(data, "base64").toString("utf8") } as const)
    : ({ type: "data", data } as const);
  return { ...common, data: content, mediaType };
}

/** By the names of formats that OpenAI's API has. */
const typeOfAudio = ({ format }: AudioPart): string =>
  format === "mp3" ? "audio/mpeg" : `audio/${format}`;

const TYPE_BY_ENDING: readonly [RegExp, string][] = [
  [/\.png$/i, "image/png"],
  [/\.jpe?g$/i, "image/jpeg"],
  [/\.gif$/i, "image/gif"],
  [/\.webp$/i, "image/webp"],
  [/\.pdf$/i, "application/pdf"],
  [/\.txt$/i, "text/plain"],
  [/\.mp4$/i, "video/mp4"],
  [/\.(mp3|mpga)$/i, "audio/mpeg"],
  [/\.wav$/i, "audio/wav"],
];

function toUrl(
  text: string,
  { type }: ImagePart | FilePart,
  { supportedUrls }: MessageOptions,
): Pick<LanguageModelV4FilePart, "data" | "mediaType"> {
  const url = URL.parse(text);
  const usual = type === "image" ? "image/jpeg" : "application/pdf";
  const mediaType =
    TYPE_BY_ENDING.find(([ending]) => ending.test(url?.pathname ?? ""))?.[1] ?? usual;
  const patterns = Object.entries(supportedUrls)
    .filter(([key]) => key === "*" || mediaType.startsWith(key.replace(/\*$/, "")))
    .flatMap(([, known]) => known);
  if (url === null || !patterns.some((pattern) => pattern.test(text))) {
    throw untranslatable(type, "it takes them as data, not by such a URL");
  }
  return { data: { type: "url", url, originalUrl: text }, mediaType };
}

function toAssistant(
  parts: readonly AssistantPart[],
  options: MessageOptions,
): LanguageModelV4Message[] {
  const said = parts.filter((part) => part.type !== "tool_call");
  const calls = parts.filter((part) => part.type === "tool_call");
  const content = (some: readonly AssistantPart[]): AssistantContent =>
    some.flatMap((part) => toAssistantPart(part, options));
  if (options.api.splitsCalls === true && calls.length > 0) {
    return [...filled("assistant", content(said)), ...filled("assistant", content(calls))];
  }
  return filled("assistant", content(parts));
}

function toAssistantPart(part: AssistantPart, options: MessageOptions): AssistantContent {
  switch (part.type) {
    case "text":
    case "refusal": {
      if (part.text === "") return [];
      const cache = part.type === "text" ? part.cache : undefined;
      return [{ type: "text", text: part.text, ...marked(cache, options) }];
    }
    case "reasoning": {
      const providerOptions = options.api.replay?.(part, options.upstreamModel);
      return providerOptions === undefined
        ? []
        : [{ type: "reasoning", text: part.text, providerOptions }];
    }
    case "tool_call":
      return [
        {
          type: "tool-call",
          toolCallId: part.id,
          toolName: part.name,
          input: toInput(part.arguments),
          ...marked(part.cache, options),
        },
      ];
  }
}

/** An input must be an object. What a model has written wrong is shown to it as it was, under a name that says so. */
const toInput = (text: string): Record<string, unknown> =>
  text.trim() === "" ? {} : (parseRecord(text) ?? { INVALID_JSON: text });

function toToolResult(
  part: ToolResultPart,
  toolNames: ReadonlyMap<string, string>,
  options: MessageOptions,
) {
  const toolName = toolNames.get(part.callId);
  if (toolName === undefined) {
    throw untranslatable("tool_call_id", "no call of a tool before it has this id");
  }
  return {
    type: "tool-result" as const,
    toolCallId: part.callId,
    toolName,
    output: toOutput(part, options),
    ...marked(part.cache, options),
  };
}

/** Where pictures are there too, a failure has no place of its own, so it is said in words. */
const FAILED = { type: "text", text: "The tool failed:" } as const;

function toOutput(
  { parts, isError }: ToolResultPart,
  options: MessageOptions,
): LanguageModelV4ToolResultOutput {
  const texts = parts.filter((part) => part.type === "text").map((part) => part.text);
  if (texts.length === parts.length) {
    return { type: isError === true ? "error-text" : "text", value: texts.join("\n") };
  }
  const value = parts.map((part) =>
    part.type === "text" ? { type: "text" as const, text: part.text } : toFile(part, options),
  );
  return { type: "content", value: isError === true ? [FAILED, ...value] : value };
}
