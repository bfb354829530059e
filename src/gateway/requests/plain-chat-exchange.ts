import type { JsonObject } from "../../lib/json.ts";
import { ask } from "../../providers/ask.ts";
import { assertEventStream } from "../../providers/assert-event-stream.ts";
import { encodeChatRequest } from "../../providers/dialects/openai-chat/encode.ts";
import { StreamTap } from "../../providers/dialects/openai-chat/stream-tap.ts";
import { readUnaryAnswer } from "../../providers/dialects/openai-chat/unary.ts";
import { readUsage } from "../../providers/dialects/openai-chat/usage.ts";
import type { AnswerReader, Exchange } from "../../providers/exchange.ts";
import type { ReadUsage } from "../../providers/neutral/answer.ts";

export function plainChatExchange(
  body: JsonObject,
  isStream: boolean,
  wantsUsage: boolean,
): Exchange {
  return {
    whyNot: () => undefined,
    async send(upstream, options) {
      const response = await ask(upstream, {
        path: "/chat/completions",
        body: encodeChatRequest(body, { ...options, stream: isStream, quirks: upstream.quirks }),
        ...options,
      });
      if (isStream) await assertEventStream(upstream, response);
      return response;
    },
    readStream: () => new Reader(wantsUsage),
    async readWhole(upstream, response) {
      const whole = await readUnaryAnswer(upstream, response);
      return { ...whole, usage: toRead(whole.usage) };
    },
  };
}
function toRead(raw: unknown): ReadUsage | undefined {
  const quantities = readUsage(raw);
  return quantities === undefined ? undefined : { quantities, raw };
}
class Reader implements AnswerReader {
  readonly #tap: StreamTap;
  hasBegun = false;
  constructor(wantsUsage: boolean) {
    this.#tap = new StreamTap({ hideUsage: !wantsUsage });
  }
  take(chunk: Uint8Array) {
    const frames = this.#tap.take(chunk);
    this.hasBegun ||= frames.length > 0;
    return frames;
  }
  end() {
    return this.#tap.end();
  }
  closing() {
    return this.#tap.heldDone ?? new TextEncoder().encode("data: [DONE]\n\n");
  }
  get done() {
    return this.#tap.done;
  }
  get finished() {
    return this.#tap.finished;
  }
  get error() {
    return this.#tap.error;
  }
  get usage() {
    return toRead(this.#tap.usage);
  }
  countedOutputTokens() {
    return this.#tap.countedOutputTokens();
  }
}
