/** The input of a Responses request as items that have ids, so that each can be listed and referred to. */
import type { JsonObject } from "../../lib/json.ts";
import { canBeId, type Item } from "./response.ts";

const prefixes: Readonly<Record<string, string>> = {
  message: "msg",
  reasoning: "rs",
  function_call: "fc",
  function_call_output: "fco",
  custom_tool_call: "ctc",
  custom_tool_call_output: "ctco",
};

/** `stem` must differ between all requests. Items keep the ids that they have. */
export function toItems(input: string | readonly JsonObject[], stem: string): Item[] {
  const list = typeof input === "string" ? [{ role: "user", content: input }] : input;
  return list.map((wire, index) => toItem(wire, `${stem}${index.toString(16).padStart(4, "0")}`));
}

function toItem(wire: JsonObject, stem: string): Item {
  const item = toTyped(wire);
  const { id } = item;
  if (typeof id === "string" && canBeId(id)) return { ...item, id };
  // Not the stem of output items, which count from 0000, too.
  return { ...item, id: `${prefixes[String(item["type"])] ?? "item"}_in${stem}` };
}

/** Messages may leave their type out and have one text for content; they are listed in full. */
function toTyped(wire: JsonObject): JsonObject {
  const type = wire["type"] ?? ("role" in wire ? "message" : undefined);
  if (type !== "message") return wire;
  const { content, role } = wire;
  const textType = role === "assistant" ? "output_text" : "input_text";
  return {
    ...wire,
    type,
    status: wire["status"] ?? "completed",
    content: typeof content === "string" ? [toText(textType, content)] : content,
  };
}

function toText(type: string, text: string): JsonObject {
  return type === "output_text" ? { type, text, annotations: [] } : { type, text };
}

/**
 * Items as they go to a provider again. Ids of input are ours or the client's, and name nothing there; ids of output
 * are the provider's own, or are not looked at.
 */
export function toReplayed(input: readonly Item[], output: readonly JsonObject[]): JsonObject[] {
  return [...input.map(withoutId), ...output];
}

function withoutId(item: Item): JsonObject {
  if (item["type"] === "reasoning") return item;
  const { id: _, ...rest } = item;
  return rest;
}

/** Those by which later requests can refer to items. */
export function idsOf(items: readonly JsonObject[]): string[] {
  return items.flatMap(({ id }) => (typeof id === "string" && canBeId(id) ? [id] : []));
}
