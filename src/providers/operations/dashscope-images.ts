/**
 * Images of Qwen and Wan by Alibaba's own API: at once, or as a task that is asked for until it is done.
 * https://www.alibabacloud.com/help/en/model-studio/qwen-image-generation-and-editing-api-reference
 * https://www.alibabacloud.com/help/en/model-studio/text-to-image-v2-api-reference
 */
import type { JsonObject } from "../../lib/json.ts";
import { listIn } from "../dialects/openai-chat/wire.ts";
import type { SendOptions, WholeAnswer } from "../exchange.ts";
import { readAnswer } from "../read-answer.ts";
import { malformedAnswer } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import { failureFromErrorObject } from "../upstream-failure.ts";
import { recordIn } from "./counts.ts";
import { encodeDashscopeImages } from "./dashscope-images-request.ts";
import { awaitTask } from "./dashscope-task.ts";
import { fetchImage } from "./fetch-image.ts";
import { countedImages, dashscopeImages } from "./image-usage.ts";
import { type Door, put, type Sent } from "./put.ts";

const encoder = new TextEncoder();

export class DashscopeImages {
  readonly #door: Door;
  readonly #request: { sent: Sent; isStream: boolean };
  /** Of the attempt that is under way; there is one at a time for each upstream. */
  #signal: AbortSignal | undefined;

  constructor(door: Door, request: { sent: Sent; isStream: boolean }) {
    this.#door = door;
    this.#request = request;
  }

  /** @throws Failure `UNTRANSLATABLE` */
  assertSayable(): void {
    encodeDashscopeImages(this.#request);
  }

  async send(upstream: Upstream, options: SendOptions): Promise<Response> {
    this.#signal = options.signal;
    const { prompt, images, parameters } = encodeDashscopeImages(this.#request);
    const model = options.upstreamModel;
    if (upstream.quirks.image_shape === "dashscope-task") {
      const body = { model, input: { prompt }, parameters };
      return await awaitTask(upstream, this.#door, { body, options });
    }
    const content = [...images.map((image) => ({ image })), { text: prompt }];
    const input = { messages: [{ role: "user", content }] };
    return await put(upstream, this.#door, { body: { model, input, parameters }, options });
  }

  async readWhole(
    upstream: Upstream,
    response: Response,
    unitsPerImage: number,
  ): Promise<WholeAnswer> {
    const { body } = await readAnswer(upstream, response);
    const output = recordIn(body["output"]);
    // An error may come under status 200, with its code beside an empty output.
    if (typeof body["code"] === "string") throw failureFromErrorObject(upstream, body);
    const images = imagesOf(output);
    if (images.length === 0) throw malformedAnswer(upstream, "it has no image");
    const data = await Promise.all(images.map((image) => this.#toData(upstream, image)));
    return {
      bytes: encoder.encode(JSON.stringify({ created: this.#createdS(response), data })),
      contentType: "application/json",
      usage: usageOf(body["usage"], unitsPerImage),
      countedOutputTokens: 0,
      counted: countedImages(images.length, unitsPerImage),
    };
  }

  /** An address that ends after a day, or the image itself where the client asked for it. */
  async #toData(upstream: Upstream, image: string): Promise<JsonObject> {
    if (!/^https?:/.test(image)) return { b64_json: image.replace(/^data:[^,]*,/, "") };
    const { wantsBytes } = encodeDashscopeImages(this.#request);
    if (!wantsBytes || this.#signal === undefined) return { url: image };
    const bytes = await fetchImage(upstream, image, this.#signal);
    // The image is made and paid for: where it cannot be fetched from here, its address is the better answer.
    return bytes === undefined
      ? { url: image }
      : { b64_json: Buffer.from(bytes).toString("base64") };
  }

  #createdS(response: Response): number {
    const date = Date.parse(response.headers.get("date") ?? "");
    return Number.isNaN(date) ? 0 : Math.floor(date / 1_000);
  }
}

/** Messages, in the newer form; results of a task, in the older one. */
function imagesOf(output: JsonObject): string[] {
  const choices = listIn(output["choices"]).flatMap(({ message }) =>
    listIn(recordIn(message)["content"]).map(({ image }) => image),
  );
  const results = listIn(output["results"]).map(({ url }) => url);
  return [...choices, ...results].filter((image) => typeof image === "string");
}

function usageOf(usage: unknown, unitsPerImage: number): WholeAnswer["usage"] {
  const images = dashscopeImages(usage);
  if (images === undefined) return undefined;
  return { quantities: { images: images * unitsPerImage }, raw: usage };
}
