/** POST /v1/embeddings. */
import type { JsonObject } from "../../lib/json.ts";
import { listIn } from "../dialects/openai-chat/wire.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "../exchange.ts";
import { readAnswer } from "../read-answer.ts";
import type { Upstream } from "../upstream.ts";
import { noStream } from "./no-stream.ts";
import { type Door, put, whyNotServed } from "./put.ts";
import { readInputTokens } from "./read-tokens.ts";

const DOOR: Door = { endpoint: "embeddings", path: "/embeddings" };

const encoder = new TextEncoder();

export class EmbeddingsExchange implements Exchange {
  readonly #body: JsonObject;

  constructor(body: JsonObject) {
    this.#body = body;
  }

  whyNot(upstream: Upstream): string | undefined {
    return whyNotServed(upstream, DOOR);
  }

  send(upstream: Upstream, options: SendOptions): Promise<Response> {
    const body: JsonObject = { ...this.#body, model: options.upstreamModel };
    if (upstream.quirks.embedding_format === "float") body["encoding_format"] = "float";
    return put(upstream, DOOR, { body, options });
  }

  readStream(upstream: Upstream): AnswerReader {
    return noStream(upstream, DOOR);
  }

  async readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
    const { bytes, body } = await readAnswer(upstream, response);
    const quantities = readInputTokens(body["usage"]);
    return {
      bytes: this.#isUnpacked(body) ? encoder.encode(JSON.stringify(packed(body))) : bytes,
      usage: quantities && { quantities, raw: body["usage"] },
      countedOutputTokens: 0,
    };
  }

  /** SDKs ask for base64 without being told and decode it without looking; some providers send numbers all the same. */
  #isUnpacked(body: JsonObject): boolean {
    return (
      this.#body["encoding_format"] === "base64" &&
      listIn(body["data"]).some(({ embedding }) => Array.isArray(embedding))
    );
  }
}

function packed(body: JsonObject): JsonObject {
  const data = listIn(body["data"]).map((item) => {
    const { embedding } = item;
    if (!Array.isArray(embedding)) return item;
    const floats = Float32Array.from(embedding as number[]);
    return { ...item, embedding: Buffer.from(floats.buffer).toString("base64") };
  });
  return { ...body, data };
}
