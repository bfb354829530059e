/** POST /v1/images/generations and /v1/images/edits. */
import { Failure } from "../../lib/errors.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "../exchange.ts";
import { UNTRANSLATABLE } from "../neutral/prompt.ts";
import { readAnswer } from "../read-answer.ts";
import type { Upstream } from "../upstream.ts";
import { DashscopeImages } from "./dashscope-images.ts";
import { EventTap } from "./event-tap.ts";
import { eventsOrWhole } from "./events-or-whole.ts";
import { unitsPerImage } from "./image-units.ts";
import { countedImages, imagesIn, readImageUsage } from "./image-usage.ts";
import { type Door, putAsSent, type Sent, whyNotServed } from "./put.ts";

const doors = {
  generate: { endpoint: "image_generation", path: "/images/generations" },
  edit: { endpoint: "image_edit", path: "/images/edits" },
} as const satisfies Record<string, Door>;

/** Ten images of the largest size. */
const ANSWER_BYTES_MAX = 160 * 1024 * 1024;

const eventNames = { generate: "image_generation", edit: "image_edit" } as const;

export type ImagesRequest = {
  does: keyof typeof doors;
  sent: Sent;
  isStream: boolean;
};

export class ImagesExchange implements Exchange {
  readonly #request: ImagesRequest;
  readonly #door: Door;
  readonly #dashscope: DashscopeImages;
  /** Whose answer it is: units differ by model. */
  readonly #models = new WeakMap<Response | Upstream, string>();

  constructor(request: ImagesRequest) {
    this.#request = request;
    this.#door = doors[request.does];
    this.#dashscope = new DashscopeImages(this.#door, request);
  }

  whyNot(upstream: Upstream): string | undefined {
    const why = whyNotServed(upstream, this.#door);
    if (why !== undefined || !isDashscope(upstream)) return why;
    try {
      this.#dashscope.assertSayable();
      return undefined;
    } catch (error) {
      if (error instanceof Failure && error.code === UNTRANSLATABLE) return error.message;
      throw error;
    }
  }

  unitsPerImage(upstream: Upstream, upstreamModel: string): number {
    return unitsPerImage(upstream, upstreamModel, this.#request.sent);
  }

  async send(upstream: Upstream, options: SendOptions): Promise<Response> {
    const response = await this.#ask(upstream, options);
    this.#models.set(response, options.upstreamModel);
    this.#models.set(upstream, options.upstreamModel);
    return response;
  }

  async #ask(upstream: Upstream, options: SendOptions): Promise<Response> {
    if (isDashscope(upstream)) return await this.#dashscope.send(upstream, options);
    const { sent, isStream, does } = this.#request;
    const response = await putAsSent(upstream, this.#door, { sent, options });
    if (!isStream) return response;
    return await eventsOrWhole(upstream, response, (body) => {
      const images = Array.isArray(body["data"]) ? body["data"] : [];
      const { data: _, ...facts } = body;
      const type = `${eventNames[does]}.completed`;
      return images.map((image: object) => ({ ...facts, ...image, type }));
    });
  }

  readStream(upstream: Upstream): AnswerReader {
    const units = this.#unitsOf(upstream, upstream);
    const last = `${eventNames[this.#request.does]}.completed`;
    return new EventTap({
      isEnd: (type) => type === last,
      usageIn: (event) => readImageUsage(event["usage"]),
      counted: (ends) => countedImages(ends, units),
    });
  }

  async readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
    const units = this.#unitsOf(upstream, response);
    if (isDashscope(upstream)) return await this.#dashscope.readWhole(upstream, response, units);
    const { bytes, body } = await readAnswer(upstream, response, { bytesMax: ANSWER_BYTES_MAX });
    return {
      bytes,
      usage: readImageUsage(body["usage"]),
      countedOutputTokens: 0,
      counted: countedImages(imagesIn(body), units),
    };
  }

  #unitsOf(upstream: Upstream, answer: Response | Upstream): number {
    return this.unitsPerImage(upstream, this.#models.get(answer) ?? "");
  }
}

const isDashscope = ({ quirks }: Upstream): boolean => quirks.image_shape !== undefined;
