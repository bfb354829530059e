/**
 * Watches a stream of typed events on its way to the client: the bytes pass untouched, and usage is read beside
 * them. The event that ends the answer waits for the usage record to be synced, and so does all that comes after it.
 */
import { readFrame, SseSplitter } from "../../lib/sse.ts";
import { errorIn, parseRecord } from "../dialects/openai-chat/wire.ts";
import type { AnswerReader, Counted } from "../exchange.ts";
import type { ReadUsage } from "../neutral/answer.ts";

/** An image of the largest size, in base64. */
const FRAME_BYTES_MAX = 32 * 1024 * 1024;
const BLANK_LINE = new TextEncoder().encode("\n\n");

export type EventRules = {
  /** Whether an event of this type ends the answer, or one of its parts where there are several. */
  isEnd(type: string): boolean;
  usageIn(event: Record<string, unknown>): ReadUsage | undefined;
  /** What was delivered, where no usage is told. @param ends how many ends there were */
  counted(ends: number, textBytes: number): Counted;
};

export class EventTap implements AnswerReader {
  readonly #splitter = new SseSplitter({ frameBytesMax: FRAME_BYTES_MAX });
  readonly #rules: EventRules;
  readonly #held: Uint8Array[] = [];
  #usage: ReadUsage | undefined;
  #error: unknown;
  #ends = 0;
  #textBytes = 0;
  #isDone = false;
  #hasBegun = false;

  constructor(rules: EventRules) {
    this.#rules = rules;
  }

  get done(): boolean {
    return this.#isDone;
  }

  get finished(): boolean {
    return this.#ends > 0;
  }

  get error(): unknown {
    return this.#error;
  }

  get usage(): ReadUsage | undefined {
    return this.#usage;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  take(chunk: Uint8Array): Uint8Array[] {
    return this.#splitter.take(chunk).flatMap((frame) => this.#pass(frame));
  }

  /** A last frame without its blank line is completed; one cut in its middle is dropped. */
  end(): Uint8Array[] {
    const rest = this.#splitter.end();
    if (rest === undefined) return [];
    const data = readFrame(rest).data?.trim();
    if (data !== "[DONE]" && parseRecord(data) === undefined) return [];
    return this.take(Buffer.concat([rest, BLANK_LINE]));
  }

  closing(): Uint8Array {
    return Buffer.concat(this.#held);
  }

  countedOutputTokens(): number {
    return 0;
  }

  counted(): Counted {
    return this.#rules.counted(this.#ends, this.#textBytes);
  }

  #pass(frame: Uint8Array): Uint8Array[] {
    const { event, data } = readFrame(frame);
    if (data?.trim() === "[DONE]") {
      this.#isDone = true;
      this.#held.push(frame);
      return [];
    }
    const body = parseRecord(data);
    this.#error ??= errorIn({ event, data }, body);
    if (this.#error !== undefined) return [];
    if (body !== undefined) this.#read(body, event);
    // Where there are several parts, the end of one lets the end of the one before go.
    const isEnd = body !== undefined && this.#rules.isEnd(typeOf(body, event));
    if (!isEnd && this.#held.length === 0) return [frame];
    const sent = isEnd ? this.#held.splice(0) : [];
    this.#held.push(frame);
    return sent;
  }

  #read(body: Record<string, unknown>, event: string | undefined): void {
    this.#hasBegun = true;
    const { delta } = body;
    if (typeof delta === "string") this.#textBytes += Buffer.byteLength(delta);
    if (!this.#rules.isEnd(typeOf(body, event))) return;
    this.#ends += 1;
    const usage = this.#rules.usageIn(body);
    if (usage !== undefined) this.#usage = plus(this.#usage, usage);
  }
}

const typeOf = (body: Record<string, unknown>, event: string | undefined): string =>
  typeof body["type"] === "string" ? body["type"] : (event ?? "");

/** Each of several images tells its own. */
function plus(before: ReadUsage | undefined, more: ReadUsage): ReadUsage {
  if (before === undefined) return more;
  const sum: Record<string, number> = { ...before.quantities };
  for (const [name, count] of Object.entries(more.quantities)) sum[name] = (sum[name] ?? 0) + count;
  return { quantities: sum, raw: [before.raw, more.raw].flat() };
}
