/** Parts of an answer, as the packages tell them → neutral events. */
import type { LanguageModelV4StreamPart, SharedV4ProviderMetadata } from "@ai-sdk/provider";
import type { JsonObject } from "../../lib/json.ts";
import { isRecord } from "../dialects/openai-chat/wire.ts";
import type { AnswerEvent, FinishReason } from "../neutral/answer.ts";
import type { Api } from "./apis/api.ts";

type Part = LanguageModelV4StreamPart;
type PartOf<Type extends Part["type"]> = Extract<Part, { type: Type }>;

/** There is one answer per call. */
const CHOICE = 0;

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls",
};

export class AnswerEvents {
  readonly #api: Api;
  readonly #model: string;
  /** Whether the package was kept from going on: the answer ends at its limit then. */
  readonly #isContinued: () => boolean;
  readonly #parts = new Map<string, number>();
  readonly #seals = new Map<string, JsonObject>();
  #hasBegun = false;
  #lastText: number | undefined;
  /** Sources may be named before the text that they belong to. */
  #sources: PartOf<"source">[] = [];
  /** The provider said that its answer is complete. */
  isComplete = false;

  readonly #isWhole: boolean;

  /** `isWhole`: the answer came in one piece, so it is complete even where its provider gives no reason for its end. */
  constructor(api: Api, options: { model: string; isContinued: () => boolean; isWhole?: boolean }) {
    this.#api = api;
    this.#model = options.model;
    this.#isContinued = options.isContinued;
    this.#isWhole = options.isWhole ?? false;
  }

  take(part: Part): AnswerEvent[] {
    const events = this.#read(part);
    if (this.#hasBegun || events.length === 0) return events;
    this.#hasBegun = true;
    return events[0]?.type === "begin" ? events : [{ type: "begin" }, ...events];
  }

  #read(part: Part): AnswerEvent[] {
    switch (part.type) {
      case "response-metadata":
        return this.#hasBegun ? [] : [{ type: "begin", ...idOf(part) }];
      case "text-start":
        return this.#openText(part.id);
      case "text-delta":
        return this.#say("text", part);
      case "reasoning-start":
        this.#open(`reasoning ${part.id}`);
        return this.#keepSeal(part);
      case "reasoning-delta":
        return [...this.#keepSeal(part), ...this.#say("reasoning", part)];
      case "reasoning-end":
        return [...this.#keepSeal(part), this.#seal(part.id)];
      case "tool-input-start":
        return [this.#openCall(part.id, part.toolName)];
      case "tool-input-delta":
        return this.#callArguments(part.id, part.delta);
      case "tool-call":
        return this.#wholeCall(part);
      case "source":
        return this.#cite(part);
      case "finish":
        return this.#finish(part);
      case "error":
        return [{ type: "error", error: toErrorObject(part.error) }];
      case "file":
      case "reasoning-file":
        return [{ type: "error", error: { message: NO_FILES } }];
      default:
        return [];
    }
  }

  #open(id: string): number {
    const index = this.#parts.size;
    this.#parts.set(id, index);
    return index;
  }

  #openText(id: string): AnswerEvent[] {
    this.#lastText = this.#open(`text ${id}`);
    const sources = this.#sources;
    this.#sources = [];
    return sources.flatMap((source) => this.#cite(source));
  }

  #say(type: "text" | "reasoning", { id, delta }: { id: string; delta: string }): AnswerEvent[] {
    if (delta === "") return [];
    const part = this.#parts.get(`${type} ${id}`) ?? this.#open(`${type} ${id}`);
    return [{ type, choice: CHOICE, part, delta }];
  }

  #keepSeal({ id, providerMetadata }: { id: string; providerMetadata?: SharedV4ProviderMetadata }) {
    const seal = this.#api.sealIn?.(providerMetadata, this.#model);
    if (seal !== undefined) this.#seals.set(id, { ...this.#seals.get(id), ...seal });
    return [] satisfies AnswerEvent[];
  }

  #seal(id: string): AnswerEvent {
    const part = this.#parts.get(`reasoning ${id}`) ?? this.#open(`reasoning ${id}`);
    return { type: "reasoning_end", choice: CHOICE, part, ...this.#seals.get(id) };
  }

  #openCall(id: string, name: string): AnswerEvent {
    return { type: "tool_call_begin", choice: CHOICE, part: this.#open(`call ${id}`), id, name };
  }

  #callArguments(id: string, delta: string): AnswerEvent[] {
    const part = this.#parts.get(`call ${id}`);
    if (part === undefined || delta === "") return [];
    return [{ type: "tool_call_arguments", choice: CHOICE, part, delta }];
  }

  /** Repeats what came in pieces; where it did not, it is all there is. */
  #wholeCall({ toolCallId, toolName, input }: PartOf<"tool-call">): AnswerEvent[] {
    if (this.#parts.has(`call ${toolCallId}`)) return [];
    const begin = this.#openCall(toolCallId, toolName);
    return [begin, ...this.#callArguments(toolCallId, input)];
  }

  #cite(source: PartOf<"source">): AnswerEvent[] {
    // Documents are cited where they were sent along, which nothing here does.
    if (source.sourceType !== "url") return [];
    if (this.#lastText === undefined) {
      this.#sources.push(source);
      return [];
    }
    const { url, title } = source;
    const annotation = { url, ...(title === undefined ? {} : { title }) };
    return [{ type: "annotation", choice: CHOICE, part: this.#lastText, annotation }];
  }

  #finish({ finishReason, usage, providerMetadata }: PartOf<"finish">): AnswerEvent[] {
    const quantities =
      usage.raw === undefined ? undefined : this.#api.readUsage(usage.raw, this.#model);
    const told: AnswerEvent[] =
      quantities === undefined ? [] : [{ type: "usage", usage: { quantities, raw: usage.raw } }];
    if (this.#isContinued()) return [...told, this.#end("length")];
    const { unified, raw } = finishReason;
    // No word of the provider's own: its answer was cut off, whatever the package makes of that.
    if (raw === undefined && !this.#isWhole) return told;
    if (unified === "error") {
      return [
        ...told,
        { type: "error", error: { message: `The model failed: ${raw ?? "error"}` } },
      ];
    }
    const stopSequence = this.#api.stopSequenceIn?.(providerMetadata);
    return [...told, this.#end(reasons[unified] ?? "other", stopSequence)];
  }

  #end(reason: FinishReason, stopSequence?: string): AnswerEvent {
    this.isComplete = true;
    const stop = stopSequence === undefined ? {} : { stopSequence };
    return { type: "finish", choice: CHOICE, reason, ...stop };
  }
}

const NO_FILES =
  "The model answered with a file, which an answer of a chat cannot hold. Ask for an image with the API for images.";

function idOf({ id, modelId }: PartOf<"response-metadata">): { id?: string; model?: string } {
  return {
    ...(id === undefined ? {} : { id }),
    ...(modelId === undefined ? {} : { model: modelId }),
  };
}

/** An error of the provider's own, in the shape that all dialects share. Nothing else of it may be told or logged. */
export function toErrorObject(error: unknown): JsonObject {
  // Errors of the package quote what it was reading; what a provider has said comes as a plain object.
  if (error instanceof Error || !isRecord(error)) {
    return { message: "The provider sent something that could not be read.", code: 502 };
  }
  const { statusCode, message } = error;
  return {
    message: typeof message === "string" ? message : "The provider broke off.",
    ...(typeof statusCode === "number" ? { code: statusCode } : {}),
  };
}
