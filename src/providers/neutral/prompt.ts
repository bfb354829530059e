/**
 * A chat request in no dialect: what a dialect's request is decoded into, and what another dialect's request is
 * encoded from. Used only where client and provider speak different dialects; otherwise the body passes as it came.
 *
 * Invariant: nothing is lost silently. What a dialect knows and this type cannot say is refused when it is decoded
 * (`untranslatable`); what this type says and a dialect cannot is refused when it is encoded. Fields that the
 * source dialect does not document are in `extra`, and go on under their own names.
 */
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { ChatDialectName } from "../upstream.ts";

/** From here on the prompt repeats, and the provider is asked to remember it. Lifetimes as Anthropic names them. */
export type CacheMark = { ttl?: "5m" | "1h" };

export type TextPart = { type: "text"; text: string; cache?: CacheMark };

/** `data` is base64. */
export type MediaSource =
  | { url: string }
  | { data: string; mediaType: string }
  | { fileId: string };

export type ImagePart = {
  type: "image";
  source: MediaSource;
  detail?: "auto" | "low" | "high" | "original";
  cache?: CacheMark;
};
/** `format` as in OpenAI's `input_audio`, such as `wav` or `mp3`; `data` is base64. */
export type AudioPart = { type: "audio"; data: string; format: string };
export type FilePart = {
  type: "file";
  source: MediaSource;
  filename?: string;
  cache?: CacheMark;
};

/**
 * What a model thought before it answered. `signature` and `encrypted` are the provider's own seals: without them
 * most providers refuse to read their thoughts again.
 */
export type ReasoningPart = {
  type: "reasoning";
  text: string;
  signature?: string;
  /** Thoughts that only the provider can read (Anthropic's `redacted_thinking`, OpenAI's `encrypted_content`). */
  encrypted?: string;
  id?: string;
  /** Whose seals these are, where it is known: nobody else's models can read them. See seal.ts. */
  sealedBy?: ChatDialectName;
};

/** `arguments` is the JSON text as the model wrote it; it may be malformed. */
export type ToolCallPart = {
  type: "tool_call";
  id: string;
  name: string;
  arguments: string;
  cache?: CacheMark;
};
export type RefusalPart = { type: "refusal"; text: string };

export type ToolResultPart = {
  type: "tool_result";
  callId: string;
  parts: (TextPart | ImagePart | FilePart)[];
  isError?: boolean;
  cache?: CacheMark;
};

export type UserPart = TextPart | ImagePart | AudioPart | FilePart;
export type AssistantPart = TextPart | ReasoningPart | ToolCallPart | RefusalPart;

export type PromptMessage =
  /** System and developer messages; they may stand anywhere. */
  | { role: "system"; parts: TextPart[] }
  | { role: "user"; parts: UserPart[]; name?: string }
  | { role: "assistant"; parts: AssistantPart[]; name?: string }
  | { role: "tool"; parts: ToolResultPart[] };

/** `parameters` is a JSON schema. */
export type Tool = {
  name: string;
  description?: string;
  parameters?: JsonObject;
  strict?: boolean;
  cache?: CacheMark;
};

export type ToolChoice = "auto" | "none" | "required" | { name: string };

export type ResponseFormat =
  | { type: "text" }
  | { type: "json" }
  | {
      type: "json_schema";
      name: string;
      description?: string;
      schema: JsonObject;
      strict?: boolean;
    };

export type ReasoningWish = {
  effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";
  budgetTokens?: number;
  summary?: "auto" | "concise" | "detailed";
  /** The model may decide against it: a provider that cannot be asked to think is simply not asked. */
  isOptional?: boolean;
};

export type Prompt = {
  messages: PromptMessage[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  responseFormat?: ResponseFormat;
  /** The client's own limit; what is sent upstream comes with the encode options. */
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  seed?: number;
  stop?: string[];
  /** Answers per call; 1 when left out. */
  choices?: number;
  /** How many alternatives of each token are wanted; 0: only the token's own. */
  topLogprobs?: number;
  reasoning?: ReasoningWish;
  verbosity?: "low" | "medium" | "high";
  serviceTier?: string;
  /** An opaque name of the end user. */
  user?: string;
  metadata?: Record<string, string>;
  /** Calls with the same key share their beginning. A hint for the provider's cache: a dialect without it goes without. */
  cacheKey?: string;
  stream: boolean;
  /** What the source dialect does not document, by top-level field. */
  extra: JsonObject;
};

/** The client's request says something that the provider's dialect has no words for. */
export function untranslatable(param: string, why: string): Failure {
  return new Failure(
    "invalid",
    `'${param}' cannot be sent to this model: ${why}. Leave it out, or choose a model whose provider speaks the same API.`,
    { code: UNTRANSLATABLE, param },
  );
}

/** The code of that failure: another candidate of the plan may have the words. */
export const UNTRANSLATABLE = "untranslatable_field";
