/** POST /v1/audio/speech: sound as it is made, or the same in events. */
import type { JsonObject } from "../../lib/json.ts";
import type { Quantities } from "../../lib/quantities.ts";
import { assertEventStream } from "../assert-event-stream.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "../exchange.ts";
import { malformedAnswer } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import { ByteTap } from "./byte-tap.ts";
import { countedSpeech } from "./counted-speech.ts";
import { EventTap } from "./event-tap.ts";
import { type Door, putAsSent, whyNotServed } from "./put.ts";
import { readTokens } from "./read-tokens.ts";

const DOOR: Door = { endpoint: "speech", path: "/audio/speech" };

export class SpeechExchange implements Exchange {
  readonly #body: JsonObject;
  readonly #counted: readonly Quantities[];

  constructor(body: JsonObject) {
    this.#body = body;
    this.#counted = countedSpeech(body);
  }

  whyNot(upstream: Upstream): string | undefined {
    return whyNotServed(upstream, DOOR);
  }

  async send(upstream: Upstream, options: SendOptions): Promise<Response> {
    const response = await putAsSent(upstream, DOOR, { sent: { json: this.#body }, options });
    // Sound has a type of its own; what is none here is an error under status 200.
    await assertEventStream(upstream, response);
    return response;
  }

  readStream(_upstream: Upstream): AnswerReader {
    if (this.#body["stream_format"] !== "sse") return new ByteTap(() => this.#counted);
    return new EventTap({
      isEnd: (type) => type === "speech.audio.done",
      usageIn: ({ usage }) => {
        const quantities = readTokens(usage, "audio_output");
        return quantities && { quantities, raw: usage };
      },
      counted: () => this.#counted,
    });
  }

  readWhole(upstream: Upstream): Promise<WholeAnswer> {
    throw malformedAnswer(upstream, "speech is always a stream");
  }
}
