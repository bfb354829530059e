/** POST /v1/rerank, in the shape that Jina, Cohere, vLLM, SiliconFlow, Together and others share. */

import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "../exchange.ts";
import { UNTRANSLATABLE } from "../neutral/prompt.ts";
import { readAnswer } from "../read-answer.ts";
import { malformedAnswer } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import { noStream } from "./no-stream.ts";
import { type Door, put, whyNotServed } from "./put.ts";
import { type RerankShape, rerankShapes } from "./rerank-shapes.ts";
import { readRerankUsage } from "./rerank-usage.ts";

const DOOR: Door = { endpoint: "rerank", path: "/rerank" };

const encoder = new TextEncoder();

export class RerankExchange implements Exchange {
  readonly #body: JsonObject;

  constructor(body: JsonObject) {
    this.#body = body;
  }

  whyNot(upstream: Upstream): string | undefined {
    const why = whyNotServed(upstream, DOOR);
    if (why !== undefined) return why;
    try {
      shapeOf(upstream)?.encode(this.#body);
      return undefined;
    } catch (error) {
      if (error instanceof Failure && error.code === UNTRANSLATABLE) return error.message;
      throw error;
    }
  }

  send(upstream: Upstream, options: SendOptions): Promise<Response> {
    const body = shapeOf(upstream)?.encode(this.#body) ?? this.#body;
    return put(upstream, DOOR, { body: { ...body, model: options.upstreamModel }, options });
  }

  readStream(upstream: Upstream): AnswerReader {
    return noStream(upstream, DOOR);
  }

  async readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
    const { bytes, body } = await readAnswer(upstream, response);
    const shape = shapeOf(upstream);
    const decoded = shape === undefined ? body : shape.decode(body, this.#body);
    if (!Array.isArray(decoded?.["results"])) {
      throw malformedAnswer(upstream, "it has no results");
    }
    return {
      // Another object: the shape had to say something in other words.
      bytes: decoded === body ? bytes : encoder.encode(JSON.stringify(decoded)),
      usage: readRerankUsage(body),
      countedOutputTokens: 0,
    };
  }
}

/** Undefined: the common one. */
function shapeOf({ quirks }: Upstream): RerankShape | undefined {
  return quirks.rerank_shape === undefined ? undefined : rerankShapes[quirks.rerank_shape];
}
