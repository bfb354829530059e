/** The input items of a Responses request → neutral messages. */
import { Failure } from "../../../lib/errors.ts";
import {
  type AssistantPart,
  type CacheMark,
  type FilePart,
  type ImagePart,
  type MediaSource,
  type PromptMessage,
  type ReasoningPart,
  type TextPart,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../../neutral/prompt.ts";
import { unwrapSeal } from "../../neutral/seal.ts";
import type { WireAssistantPart, WireInputPart, WireItem } from "./request-shape.ts";

type Item<Type extends WireItem["type"]> = Extract<WireItem, { type: Type }>;

export function decodeItems(items: readonly WireItem[]): PromptMessage[] {
  const messages: PromptMessage[] = [];
  for (const [index, item] of items.entries()) add(messages, item, `input[${index}]`);
  return messages;
}

function add(messages: PromptMessage[], item: WireItem, place: string): void {
  switch (item.type) {
    case "message":
      if (item.role === "assistant") addToTurn(messages, item.content.flatMap(toAssistantPart));
      else messages.push(toMessage(item, place));
      return;
    case "reasoning":
      addToTurn(messages, [toReasoning(item)]);
      return;
    case "function_call": {
      const { call_id: id, name, arguments: text } = item;
      addToTurn(messages, [{ type: "tool_call", id, name, arguments: text }]);
      return;
    }
    case "function_call_output":
      addResult(messages, toResult(item, place));
      return;
    case "item_reference":
      throw new Failure("invalid", `There is no stored item '${item.id}'. Send the item itself.`, {
        param: place,
        code: "item_not_found",
      });
  }
}

/** What a model thought, said and called in one go are items here, and one message elsewhere. */
function addToTurn(messages: PromptMessage[], parts: AssistantPart[]): void {
  const last = messages.at(-1);
  if (last?.role === "assistant") last.parts.push(...parts);
  else messages.push({ role: "assistant", parts });
}

/** The answers to calls of one turn belong together, too. */
function addResult(messages: PromptMessage[], part: ToolResultPart): void {
  const last = messages.at(-1);
  if (last?.role === "tool") last.parts.push(part);
  else messages.push({ role: "tool", parts: [part] });
}

function toMessage(
  { role, content }: Exclude<Item<"message">, { role: "assistant" }>,
  place: string,
): PromptMessage {
  if (role !== "user") return { role: "system", parts: content.flatMap(toText) };
  const parts = content.flatMap((part, at) => toUserPart(part, `${place}.content[${at}]`));
  return { role: "user", parts };
}

/** An empty text says nothing, and some dialects refuse it. */
function toText(wire: Extract<WireInputPart, { type: "input_text" }>): TextPart[] {
  return wire.text === "" ? [] : [{ type: "text", text: wire.text, ...cacheOf(wire) }];
}

function toAssistantPart(wire: WireAssistantPart): AssistantPart[] {
  switch (wire.type) {
    case "refusal":
      return [{ type: "refusal", text: wire.refusal }];
    case "input_text":
      return toText(wire);
    case "output_text":
      return wire.text === "" ? [] : [{ type: "text", text: wire.text }];
  }
}

function toUserPart(wire: WireInputPart, place: string): UserPart[] {
  if (wire.type === "input_audio") return [{ type: "audio", ...wire.input_audio }];
  return toContentPart(wire, place);
}

function toContentPart(
  wire: Exclude<WireInputPart, { type: "input_audio" }>,
  place: string,
): (TextPart | ImagePart | FilePart)[] {
  switch (wire.type) {
    case "input_text":
      return toText(wire);
    case "input_image": {
      const { detail, image_url: url, file_id: fileId } = wire;
      const source = sourceOf(
        { url, fileId },
        { place, expected: "an 'image_url' or a 'file_id'" },
      );
      return [{ type: "image", source, ...(detail == null ? {} : { detail }), ...cacheOf(wire) }];
    }
    case "input_file":
      return [toFile(wire, place)];
  }
}

function toFile(wire: Extract<WireInputPart, { type: "input_file" }>, place: string): FilePart {
  const { filename, detail, file_url: url, file_id: fileId, file_data: data } = wire;
  if (detail != null && detail !== "auto") {
    throw untranslatable(`${place}.detail`, "its provider reads files at one level of detail");
  }
  const source = sourceOf(
    { url, fileId, data },
    {
      place,
      expected: "'file_data' as data:<media type>;base64,<data>, a 'file_url' or a 'file_id'",
    },
  );
  return { type: "file", source, ...(filename == null ? {} : { filename }), ...cacheOf(wire) };
}

type Sources = Record<"url" | "fileId" | "data", string | null | undefined>;

function sourceOf(
  { url, fileId, data }: Partial<Sources>,
  { place, expected }: { place: string; expected: string },
): MediaSource {
  if (fileId != null) return { fileId };
  const inline = dataIn(data ?? url ?? "");
  if (inline !== undefined) return inline;
  if (url != null && data == null) return { url };
  throw new Failure("invalid", `'${place}' is not valid: expected ${expected}.`, {
    param: place,
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

/** OpenAI's lifetimes are others than Anthropic's: what is marked so is kept for as long as is usual there. */
function cacheOf({ prompt_cache_breakpoint }: { prompt_cache_breakpoint?: unknown }): {
  cache?: CacheMark;
} {
  return prompt_cache_breakpoint == null ? {} : { cache: {} };
}

/**
 * Thoughts of models that OpenAI did not make carry their provider's seals in an envelope. The seals of a text are
 * worth something with this very text only, so it comes out as it went in.
 */
function toReasoning(wire: Item<"reasoning">): ReasoningPart {
  const said = wire.content ?? [];
  const texts = (said.length > 0 ? said : (wire.summary ?? [])).map(({ text }) => text);
  const text = texts.join("\n\n");
  const { encrypted_content: encrypted } = wire;
  if (encrypted == null) return { type: "reasoning", text };
  const seal = unwrapSeal(encrypted);
  if (seal !== undefined) return { text, ...seal, type: "reasoning" };
  const id = wire.id == null ? {} : { id: wire.id };
  return { type: "reasoning", text, encrypted, ...id, sealedBy: "openai-responses" };
}

function toResult(
  { call_id, output }: Item<"function_call_output">,
  place: string,
): ToolResultPart {
  const parts = output.flatMap((part, at) => toContentPart(part, `${place}.output[${at}]`));
  return { type: "tool_result", callId: call_id, parts };
}
