/**
 * What every stream of the Responses API must keep to, as a machine that reads one event after the other: the order of
 * events, their numbers, that each names a piece which is open, and that the pieces add up to what the end says.
 * https://platform.openai.com/docs/api-reference/responses-streaming
 */
import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../../src/lib/json.ts";

export type StreamEvent = JsonObject & { type: string };

/** One sentence for each rule that is broken. */
export function problemsOf(events: readonly StreamEvent[]): string[] {
  const machine = new StreamRules();
  for (const event of events) machine.take(event);
  return machine.end();
}

/** A piece of an item that is told by deltas: its events, where it lies, and what its end repeats. */
type Told = {
  /** Of the event names, before `.delta` and `.done`. */
  events: string;
  doneField: string;
  /** Of the event, the index of the part in its item; undefined: the item itself is told. */
  index?: "content_index" | "summary_index";
  partType?: string;
};

const told: readonly Told[] = [
  {
    events: "response.output_text",
    doneField: "text",
    index: "content_index",
    partType: "output_text",
  },
  { events: "response.refusal", doneField: "refusal", index: "content_index", partType: "refusal" },
  {
    events: "response.reasoning_text",
    doneField: "text",
    index: "content_index",
    partType: "reasoning_text",
  },
  {
    events: "response.reasoning_summary_text",
    doneField: "text",
    index: "summary_index",
    partType: "summary_text",
  },
  { events: "response.function_call_arguments", doneField: "arguments" },
  { events: "response.custom_tool_call_input", doneField: "input" },
  { events: "response.mcp_call_arguments", doneField: "arguments" },
  { events: "response.code_interpreter_call_code", doneField: "code" },
];

type Part = {
  text: string;
  isTextDone: boolean;
  isDone: boolean;
  type: string;
  annotations: unknown[];
  logprobs: unknown[];
};
type Item = {
  id: unknown;
  type: unknown;
  told: string | undefined;
  isToldDone: boolean;
  content_index: Part[];
  summary_index: Part[];
  done: JsonObject | undefined;
};

const LIFE = ["response.created", "response.queued", "response.in_progress"];
const ENDS: Readonly<Record<string, string>> = {
  "response.completed": "completed",
  "response.incomplete": "incomplete",
  "response.failed": "failed",
  // Of a response in the background.
  "response.cancelled": "cancelled",
};

/** Always there, whatever was asked. */
const RESPONSE_FIELDS = [
  ...["id", "object", "created_at", "status", "error", "incomplete_details", "instructions"],
  ...["max_output_tokens", "metadata", "model", "output", "parallel_tool_calls"],
  ...["previous_response_id", "reasoning", "service_tier", "temperature", "text", "tool_choice"],
  ...["tools", "top_logprobs", "top_p", "truncation", "usage", "user", "background"],
];

class StreamRules {
  readonly #problems: string[] = [];
  readonly #items: Item[] = [];
  #count = 0;
  #life = -1;
  #responseId: unknown;
  #hasError = false;
  #hasEnded = false;
  #at = "";

  take(event: StreamEvent): void {
    this.#at = `event ${this.#count} (${event.type})`;
    this.#mustBe(event["sequence_number"], this.#count, "its sequence_number");
    this.#count += 1;
    if (this.#hasEnded) this.#blame("comes behind the end");
    if (this.#hasError && event.type !== "response.failed") this.#blame("comes behind an error");
    if (event.type === "error") this.#error(event);
    else if (LIFE.includes(event.type)) this.#begin(event);
    else if (this.#life < 0) this.#blame("comes before response.created");
    else if (event.type in ENDS) this.#end(event);
    else if (event.type === "response.output_item.added") this.#addItem(event);
    else this.#aboutOutput(event);
  }

  end(): string[] {
    this.#at = "the stream";
    if (this.#count === 0) this.#blame("has no events");
    else if (!this.#hasEnded && !this.#hasError) this.#blame("has no end");
    return this.#problems;
  }

  #error(event: StreamEvent): void {
    this.#hasError = true;
    if (typeof event["message"] !== "string") this.#blame("has no message");
  }

  #begin(event: StreamEvent): void {
    const life = LIFE.indexOf(event.type);
    if (life <= this.#life) this.#blame("comes too late");
    if (this.#items.length > 0) this.#blame("comes behind output");
    if (this.#life < 0 && life !== 0) this.#blame("comes before response.created");
    this.#life = life;
    const response = this.#response(event);
    this.#mustBe(response["output"], [], "its output");
    if (life === 2) this.#mustBe(response["status"], "in_progress", "its status");
  }

  #response(event: StreamEvent): JsonObject {
    const response = (event["response"] ?? {}) as JsonObject;
    this.#responseId ??= response["id"];
    this.#mustBe(response["id"], this.#responseId, "the id of its response");
    for (const field of RESPONSE_FIELDS) {
      if (!(field in response)) this.#blame(`has a response without '${field}'`);
    }
    return response;
  }

  #end(event: StreamEvent): void {
    this.#hasEnded = true;
    const response = this.#response(event);
    this.#mustBe(response["status"], ENDS[event.type], "its status");
    if (event.type === "response.failed") {
      if (response["error"] === null) this.#blame("has no error");
      return;
    }
    if (event.type === "response.incomplete" && response["incomplete_details"] === null) {
      this.#blame("does not say why");
    }
    if (this.#items.some(({ done }) => done === undefined)) this.#blame("leaves items open");
    const items = this.#items.map(({ done }) => done);
    this.#mustBe(response["output"], items, "its output");
  }

  #aboutOutput(event: StreamEvent): void {
    const item = this.#items[event["output_index"] as number];
    if (item === undefined) {
      this.#blame("is about an item that was not added");
      return;
    }
    if (item.done !== undefined) this.#blame("is about an item that is done");
    if (event.type === "response.output_item.done") this.#endItem(item, event);
    else this.#aboutItem(item, event);
  }

  #aboutItem(item: Item, event: StreamEvent): void {
    this.#mustBe(event["item_id"], item.id, "its item_id");
    const part = /^response\.(content|reasoning_summary)_part\.(added|done)$/.exec(event.type);
    // Tools that the provider runs tell how far they are: it must be an open item, and that is all.
    const rule = told.find(({ events }) => event.type.startsWith(`${events}.`));
    if (event.type === "response.output_text.annotation.added") this.#annotate(item, event);
    else if (part !== null) this.#aboutPart(item, event, part[2] === "added");
    else if (rule?.index !== undefined) this.#tellPart(item, event, rule);
    else if (rule !== undefined) this.#tellItem(item, event, rule);
  }

  #addItem(event: StreamEvent): void {
    const item = (event["item"] ?? {}) as JsonObject;
    this.#mustBe(event["output_index"], this.#items.length, "its output_index");
    if (this.#items.some(({ id }) => id === item["id"])) this.#blame("adds the same id again");
    if (typeof item["id"] !== "string") this.#blame("adds an item without an id");
    if ("status" in item && item["status"] !== "in_progress") {
      this.#blame("adds an item that is not in progress");
    }
    this.#items.push({
      id: item["id"],
      type: item["type"],
      told: undefined,
      isToldDone: false,
      content_index: [],
      summary_index: [],
      done: undefined,
    });
  }

  #aboutPart(item: Item, event: StreamEvent, isAdded: boolean): void {
    const index = event.type.startsWith("response.content") ? "content_index" : "summary_index";
    const parts = item[index];
    const wire = (event["part"] ?? {}) as JsonObject;
    if (isAdded) {
      this.#mustBe(event[index], parts.length, `its ${index}`);
      if (parts.at(-1)?.isDone === false) this.#blame("begins before the part before it is done");
      parts.push({
        ...{ text: "", isTextDone: false, isDone: false, type: String(wire["type"]) },
        ...{ annotations: [], logprobs: [] },
      });
      this.#mustBe(textOf(wire), "", "its text");
      return;
    }
    const part = parts[event[index] as number];
    if (part === undefined || part.isDone) {
      this.#blame("ends a part that is not open");
      return;
    }
    if (!part.isTextDone) this.#blame("ends a part whose text is not done");
    part.isDone = true;
    this.#checkPart(part, wire);
  }

  #checkPart(part: Part, wire: JsonObject): void {
    this.#mustBe(wire["type"], part.type, "the type of its part");
    this.#mustBe(textOf(wire), part.text, "the text of its part");
    if (part.type !== "output_text") return;
    this.#mustBe(wire["annotations"], part.annotations, "the annotations of its part");
    if ("logprobs" in wire) this.#mustBe(wire["logprobs"], part.logprobs, "its logprobs");
  }

  #annotate(item: Item, event: StreamEvent): void {
    const part = item.content_index[event["content_index"] as number];
    if (part?.type !== "output_text" || part.isDone) {
      this.#blame("is not about an open text");
      return;
    }
    this.#mustBe(event["annotation_index"], part.annotations.length, "its annotation_index");
    part.annotations.push(event["annotation"]);
  }

  #tellPart(item: Item, event: StreamEvent, { index, partType, doneField }: Told): void {
    const part = item[index ?? "content_index"][event[index ?? ""] as number];
    if (part === undefined || part.isTextDone) {
      this.#blame("is about a part that is not open");
      return;
    }
    this.#mustBe(part.type, partType, "the type of its part");
    if (event.type.endsWith(".delta")) {
      part.text += String(event["delta"]);
      if (Array.isArray(event["logprobs"])) part.logprobs.push(...event["logprobs"]);
      return;
    }
    part.isTextDone = true;
    this.#mustBe(event[doneField], part.text, `its ${doneField}`);
  }

  #tellItem(item: Item, event: StreamEvent, { doneField }: Told): void {
    if (item.isToldDone) this.#blame("comes behind its done");
    if (event.type.endsWith(".delta")) {
      item.told = (item.told ?? "") + String(event["delta"]);
      return;
    }
    item.isToldDone = true;
    this.#mustBe(event[doneField], item.told ?? "", `its ${doneField}`);
    item.told ??= "";
  }

  #endItem(item: Item, event: StreamEvent): void {
    const wire = (event["item"] ?? {}) as JsonObject;
    item.done = wire;
    this.#mustBe(wire["id"], item.id, "the id of its item");
    this.#mustBe(wire["type"], item.type, "the type of its item");
    if (wire["status"] === "in_progress") this.#blame("leaves its item in progress");
    const parts = [...item.content_index, ...item.summary_index];
    if (parts.some(({ isDone }) => !isDone)) this.#blame("leaves a part open");
    this.#checkParts(item.content_index, wire["content"]);
    this.#checkParts(item.summary_index, wire["summary"]);
    if (wire["type"] !== "function_call") return;
    if (!item.isToldDone) this.#blame("comes before its arguments are done");
    this.#mustBe(wire["arguments"], item.told, "the arguments of its item");
  }

  #checkParts(parts: readonly Part[], wire: unknown): void {
    const list = Array.isArray(wire) ? (wire as JsonObject[]) : [];
    this.#mustBe(list.length, parts.length, "how many parts its item has");
    for (const [index, part] of parts.entries()) this.#checkPart(part, list[index] ?? {});
  }

  #mustBe(found: unknown, expected: unknown, what: string): void {
    if (isDeepStrictEqual(found, expected)) return;
    const [is, not] = [found, expected].map((value) => JSON.stringify(value)?.slice(0, 200));
    this.#problems.push(`${this.#at}: ${what} is ${is} and not ${not}.`);
  }

  #blame(problem: string): void {
    this.#problems.push(`${this.#at} ${problem}.`);
  }
}

const textOf = (part: JsonObject): unknown => part["text"] ?? part["refusal"];

/** The events of a stream as it went over the wire. Comments are none; `[DONE]` of some servers is none. */
export function eventsIn(text: string): StreamEvent[] {
  return text
    .replace(/^\ufeff/, "")
    .split(/\r?\n\r?\n/)
    .flatMap((frame) => {
      const lines = frame.split(/\r?\n/);
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
      if (data.length === 0 || data.join("").trim() === "[DONE]") return [];
      return [JSON.parse(data.join("\n")) as StreamEvent];
    });
}
