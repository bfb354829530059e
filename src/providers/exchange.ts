/**
 * One call as providers see it: how it is put to an upstream, and how the answer comes back in the client's own
 * dialect. The gateway decides who is asked, pays and records; an exchange knows only words.
 */
import type { Failure } from "../lib/errors.ts";
import type { Quantities } from "../lib/quantities.ts";
import type { ReadUsage } from "./neutral/answer.ts";
import type { Upstream } from "./upstream.ts";

export type SendOptions = {
  /** The model's name at the provider. */
  upstreamModel: string;
  /** Per answer. Always sent where the dialect has a word for it: the hold was made for it. */
  maxOutputTokens: number;
  attemptId: string;
  tenant: string;
  /** Aborting it ends the attempt, and the body of an answer that has begun. */
  signal: AbortSignal;
  /** Until the head of the answer has arrived. */
  timeoutMs: number;
};

/**
 * What we count where a provider does not say, as several views of the same use, such as seconds of speech or its
 * tokens: the price decides which of them is charged. The first is preferred.
 */
export type Counted = readonly Quantities[];

export type Exchange = {
  /** Why this upstream cannot be put this question at all; undefined when it can. Asked while planning, before money moves. */
  whyNot(upstream: Upstream): string | undefined;
  /** What `whyNot` has found in the client's own words: told to the client when nobody is left who could be asked. */
  readonly refusal?: Failure | undefined;
  /** @throws Failure for every answer that is not 2xx, and `UNTRANSLATABLE` for what `whyNot` could not see. */
  send(upstream: Upstream, options: SendOptions): Promise<Response>;
  /** How many priced pieces each image counts for at this provider; 1 where it is left out. */
  unitsPerImage?(upstream: Upstream, upstreamModel: string): number;
  readStream(upstream: Upstream): AnswerReader;
  /** @throws Failure when the body is an error, cut off, too large or malformed. */
  readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer>;
};

export type WholeAnswer = {
  /** For the client. */
  bytes: Uint8Array;
  /** Undefined: as the upstream said. */
  contentType?: string;
  /** Undefined when the provider did not say: never zero for unknown. */
  usage: ReadUsage | undefined;
  /** An estimate from what was delivered, for answers without usage. */
  countedOutputTokens: number;
  /** In place of that, for operations that are not billed by tokens alone. */
  counted?: Counted;
};

/**
 * Reads a stream on its way to the client. Same dialect: the bytes pass untouched. Different: they are decoded and
 * encoded. Either way the last frame of the client's dialect is held back until the usage is on disk.
 */
export interface AnswerReader {
  /** The bytes to send on now. */
  take(chunk: Uint8Array): Uint8Array[];
  /** The upstream closed. */
  end(): Uint8Array[];
  /** What belongs to the end of the client's stream; to be sent once, after settlement. */
  closing(): Uint8Array;
  /**
   * The frames that tell an error here, in the middle. Where it is left out, the dialect's `errorFrame` does: only
   * streams that number their events or repeat what was said need to know where they are.
   */
  failing?(failure: Failure, requestId: string): Uint8Array;
  /** Saw the end marker of the upstream's dialect: nothing more will come. */
  readonly done: boolean;
  /** The answer is complete, even where the end marker is missing. */
  readonly finished: boolean;
  /** The provider's own error object; undefined while there was none. */
  readonly error: unknown;
  /** Where it is repeated, the last one counts. */
  readonly usage: ReadUsage | undefined;
  /** An estimate of the output tokens delivered so far. */
  countedOutputTokens(): number;
  /** In place of that, for operations that are not billed by tokens alone. */
  counted?(): Counted;
  /** When the first piece of the answer itself has been passed on (not comments or empty frames). */
  readonly hasBegun: boolean;
}
