/** POST /v1/moderations. */
import type { JsonObject } from "../../lib/json.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "../exchange.ts";
import { readAnswer } from "../read-answer.ts";
import type { Upstream } from "../upstream.ts";
import { noStream } from "./no-stream.ts";
import { type Door, putAsSent, whyNotServed } from "./put.ts";
import { readInputTokens } from "./read-tokens.ts";

const DOOR: Door = { endpoint: "moderation", path: "/moderations" };

export class ModerationExchange implements Exchange {
  readonly #body: JsonObject;

  constructor(body: JsonObject) {
    this.#body = body;
  }

  whyNot(upstream: Upstream): string | undefined {
    return whyNotServed(upstream, DOOR);
  }

  send(upstream: Upstream, options: SendOptions): Promise<Response> {
    return putAsSent(upstream, DOOR, { sent: { json: this.#body }, options });
  }

  readStream(upstream: Upstream): AnswerReader {
    return noStream(upstream, DOOR);
  }

  /** OpenAI reports no usage, and charges nothing; others report tokens. */
  async readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
    const { bytes, body } = await readAnswer(upstream, response);
    const quantities = readInputTokens(body["usage"]);
    return {
      bytes,
      usage: quantities && { quantities, raw: body["usage"] },
      countedOutputTokens: 0,
    };
  }
}
