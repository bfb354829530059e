/** What every chat dialect can do, in both directions. `chat-dialects.ts` lists them. */
import type { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { AnswerReader, WholeAnswer } from "../exchange.ts";
import type { AnswerEvent, AnswerFacts, NeutralAnswer } from "../neutral/answer.ts";
import type { Prompt } from "../neutral/prompt.ts";
import type { EndpointName, Quirks, Upstream } from "../upstream.ts";

export type EncodeOptions = {
  upstreamModel: string;
  maxOutputTokens: number;
  quirks: Quirks;
};

export type ChatDialect = {
  /** Relative to the base URL, such as `/chat/completions`. */
  path: string;
  /** By which a provider's quirks find the path and move it. */
  endpoint: EndpointName;
  /** Sent with every request to a provider, such as `anthropic-version`. */
  headers?: Readonly<Record<string, string>>;

  // The provider's side.

  /** Same dialect on both sides: the client's body with only the model, the limit and what usage needs changed. */
  passRequest(body: JsonObject, options: EncodeOptions): JsonObject;
  /** @throws Failure `UNTRANSLATABLE` */
  encodeRequest(prompt: Prompt, options: EncodeOptions): JsonObject;
  /** A whole answer, already parsed. */
  decodeAnswer(body: JsonObject): NeutralAnswer;
  streamDecoder(): StreamDecoder;

  // The client's side.

  /** @throws Failure `invalid`, with `param`, for what is malformed; `UNTRANSLATABLE` for what `Prompt` cannot say. */
  decodeRequest(body: JsonObject): Prompt;
  encodeAnswer(answer: NeutralAnswer, facts: AnswerFacts): JsonObject;
  streamEncoder(facts: AnswerFacts): StreamEncoder;
  /** The JSON body of an error. */
  errorBody(failure: Failure, requestId: string): JsonObject;
  /** The frame that tells an error in the middle of a stream, as text with its blank line. */
  errorFrame(failure: Failure, requestId: string): string;

  // Both sides speak it.

  /** Passes a stream's bytes untouched and reads usage beside them. */
  tap(request: JsonObject): AnswerReader;
  /** Reads a whole answer without changing it. */
  readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer>;
};

/** Bytes of a provider's stream → events. Chunks may be cut anywhere. */
export interface StreamDecoder {
  take(chunk: Uint8Array): AnswerEvent[];
  end(): AnswerEvent[];
  /** Saw the dialect's end marker. */
  readonly done: boolean;
}

/** Events → frames of the client's dialect, as text. */
export interface StreamEncoder {
  /** "" when there is nothing to send yet. */
  take(event: AnswerEvent): string;
  /** The frames that end the stream (finish, usage, end marker): sent after settlement. */
  closing(): string;
  /** Instead of the dialect's `errorFrame`, where the frame depends on what was sent before. See `AnswerReader`. */
  failing?(failure: Failure, requestId: string): string;
}
