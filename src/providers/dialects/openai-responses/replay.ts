/**
 * A stored response as the stream that would have told it. Always the same events with the same numbers, so that a
 * client that was cut off can go on where it was.
 */
import type { JsonObject } from "../../../lib/json.ts";
import { listIn } from "../openai-chat/wire.ts";
import { toFrame, type WireEvent } from "./wire-events.ts";

/** The frames of a response as far as it has come, from the event with this number on. */
export function replay(response: JsonObject, fromNumber = 0): { frames: string; events: number } {
  const events = eventsOfResponse(response);
  const frames = events
    .map(({ type, ...fields }, sequence_number) => toFrame({ type, sequence_number, ...fields }))
    .slice(fromNumber)
    .join("");
  return { frames, events: events.length };
}

function eventsOfResponse(response: JsonObject): WireEvent[] {
  const { status } = response;
  const atFirst = { ...response, ...BEFORE_THE_END };
  const queued = { ...atFirst, status: "queued" };
  const isBackground = response["background"] === true;
  const events: WireEvent[] = [
    { type: "response.created", response: isBackground ? queued : atFirst },
    ...(isBackground ? [{ type: "response.queued", response: queued }] : []),
  ];
  if (status === "queued") return events;
  events.push({ type: "response.in_progress", response: atFirst });
  if (status === "in_progress") return events;
  const items = listIn(response["output"]).flatMap(eventsOfItem);
  return [...events, ...items, { type: `response.${String(status)}`, response }];
}

const BEFORE_THE_END = {
  status: "in_progress",
  completed_at: null,
  error: null,
  incomplete_details: null,
  output: [],
  usage: null,
};

function eventsOfItem(item: JsonObject, output_index: number): WireEvent[] {
  const place = { item_id: item["id"], output_index };
  const begun = {
    ...item,
    ...("status" in item ? { status: "in_progress" } : {}),
    ...("content" in item ? { content: [] } : {}),
    ...("summary" in item ? { summary: [] } : {}),
    ...(item["type"] === "function_call" ? { arguments: "" } : {}),
  };
  return [
    { type: "response.output_item.added", output_index, item: begun },
    ...listIn(item["summary"]).flatMap((part, summary_index) =>
      eventsOfPart(part, { ...place, summary_index }),
    ),
    ...listIn(item["content"]).flatMap((part, content_index) =>
      eventsOfPart(part, { ...place, content_index }),
    ),
    ...(item["type"] === "function_call" ? eventsOfCall(item, place) : []),
    { type: "response.output_item.done", output_index, item },
  ];
}

function eventsOfCall(item: JsonObject, place: JsonObject): WireEvent[] {
  const { arguments: text } = item;
  const name = "response.function_call_arguments";
  return [
    { type: `${name}.delta`, ...place, delta: text },
    { type: `${name}.done`, ...place, arguments: text },
  ];
}

/** By the type of the part: its events, those of its text, and the field that holds it. */
const parts: Readonly<Record<string, { part: string; text: string; field: string }>> = {
  output_text: { part: "content_part", text: "output_text", field: "text" },
  refusal: { part: "content_part", text: "refusal", field: "refusal" },
  reasoning_text: { part: "content_part", text: "reasoning_text", field: "text" },
  summary_text: { part: "reasoning_summary_part", text: "reasoning_summary_text", field: "text" },
};

function eventsOfPart(part: JsonObject, place: JsonObject): WireEvent[] {
  const known = parts[String(part["type"])];
  if (known === undefined) return [];
  const { [known.field]: text } = part;
  const isText = part["type"] === "output_text";
  const logprobs = isText ? { logprobs: part["logprobs"] ?? [] } : {};
  const empty = isText ? { annotations: [], logprobs: [] } : {};
  return [
    {
      ...{ type: `response.${known.part}.added`, ...place },
      part: { ...part, ...empty, [known.field]: "" },
    },
    { type: `response.${known.text}.delta`, ...place, delta: text, ...logprobs },
    ...listIn(part["annotations"]).map((annotation, annotation_index) => ({
      ...{ type: "response.output_text.annotation.added", ...place },
      ...{ annotation_index, annotation },
    })),
    { type: `response.${known.text}.done`, ...place, [known.field]: text, ...logprobs },
    { type: `response.${known.part}.done`, ...place, part },
  ];
}
