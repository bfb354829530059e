/** A chat answer in no dialect: as events while it streams, and whole. */
import type { JsonObject } from "../../lib/json.ts";
import type { Quantities } from "../../lib/quantities.ts";
import type { ChatDialectName } from "../upstream.ts";
import type { ReasoningPart, RefusalPart, TextPart, ToolCallPart } from "./prompt.ts";

export type FinishReason =
  | "stop"
  | "length"
  | "tool_calls"
  | "content_filter"
  | "refusal"
  /** The provider paused a long turn and expects to be asked to go on. */
  | "pause"
  | "other";

/** Disjoint quantities, and the provider's own usage object. */
export type ReadUsage = { quantities: Quantities; raw: unknown };

/** A source that a text cites. Positions count characters (UTF-16) of the part that it belongs to. */
export type Annotation = { url: string; title?: string; start?: number; end?: number };

/** One token of a text with its probability, in the shape that all of OpenAI's APIs share. */
export type TokenLogprob = {
  token: string;
  logprob: number;
  bytes: number[] | null;
  top_logprobs: { token: string; logprob: number; bytes: number[] | null }[];
};

/**
 * `choice` is 0 except where a client asked for several answers. Parts of one choice come one after the other, each
 * begun by its `…_begin` where it has facts of its own; `text` and `refusal` begin with their first piece. `part`
 * numbers the parts of a choice, so that two texts in a row stay two.
 */
export type AnswerEvent =
  | { type: "begin"; id?: string; model?: string; createdS?: number; serviceTier?: string }
  | { type: "text"; choice: number; part: number; delta: string }
  | { type: "refusal"; choice: number; part: number; delta: string }
  | { type: "reasoning"; choice: number; part: number; delta: string }
  /** Ends every reasoning part, with its seals; `encrypted` may come without any text. */
  | {
      type: "reasoning_end";
      choice: number;
      part: number;
      id?: string;
      signature?: string;
      encrypted?: string;
      sealedBy?: ChatDialectName;
    }
  | { type: "tool_call_begin"; choice: number; part: number; id: string; name: string }
  | { type: "tool_call_arguments"; choice: number; part: number; delta: string }
  | { type: "annotation"; choice: number; part: number; annotation: Annotation }
  | { type: "logprobs"; choice: number; part: number; logprobs: TokenLogprob[] }
  | { type: "finish"; choice: number; reason: FinishReason; stopSequence?: string }
  /** May come several times; the last one counts. */
  | { type: "usage"; usage: ReadUsage }
  /** The provider broke off with an error object of its own, as it came. */
  | { type: "error"; error: unknown };

export type AnswerPart =
  | (TextPart & { annotations?: Annotation[]; logprobs?: TokenLogprob[] })
  | ReasoningPart
  | ToolCallPart
  | (RefusalPart & { logprobs?: TokenLogprob[] });

export type Choice = {
  parts: AnswerPart[];
  reason: FinishReason;
  stopSequence?: string;
};

export type NeutralAnswer = {
  id?: string;
  model?: string;
  createdS?: number;
  /** In which the provider says to have worked: what it charges may depend on it. */
  serviceTier?: string;
  choices: Choice[];
  usage?: ReadUsage;
};

/** What an answer's encoder must know beside the answer itself. */
export type AnswerFacts = {
  /** `x-request-id`, from which ids are made where the provider gave none. */
  requestId: string;
  /** The name by which the client called the model. */
  model: string;
  /** Unix seconds. */
  createdS: number;
  /** For dialects that say when an answer was complete; left out: when it was created. */
  nowS?(): number;
  /** The client's own request: some dialects repeat parts of it in their answers. */
  request: JsonObject;
};
