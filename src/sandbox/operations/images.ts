import { Failure } from "../../lib/errors.ts";
import {
  eventPart,
  isOn,
  JSON_TYPE,
  jsonPart,
  numberIn,
  type OperationRequest,
  type PlannedOperation,
  requiredText,
  SSE_TYPE,
  tokensIn,
} from "./operation.ts";
import { drawPicture } from "./picture.ts";

const IMAGES_MAX = 10;
const PARTIALS_MAX = 3;
const SIDE_MAX = 4_096;
const SIDE_USUAL = 1_024;
/** A square of pixels that is one token. */
const TOKEN_SIDE = 32;
const TOKENS_PER_INPUT_IMAGE = 256;
/** Fixed, so that the same request always gets the same bytes. */
const CREATED = 1_750_000_000;

export const planImages = (request: OperationRequest): PlannedOperation =>
  plan(request, "image_generation");
export const planImageEdit = (request: OperationRequest): PlannedOperation =>
  plan(request, "image_edit");

function plan(request: OperationRequest, event: string): PlannedOperation {
  const { fields, script } = request;
  const prompt = requiredText(request, "prompt");
  const inputs = inputImages(request, event);
  const size = readSize(request);
  const count = numberIn(request, "n", { min: 1, max: IMAGES_MAX, usual: 1 });
  const images = Array.from({ length: count }, (_, at) => drawPicture(size, `${prompt} ${at}`));
  const text = tokensIn(prompt);
  const seen = inputs * TOKENS_PER_INPUT_IMAGE;
  const each = Math.ceil(size.width / TOKEN_SIDE) * Math.ceil(size.height / TOKEN_SIDE);
  const output = script.completion_tokens ?? count * each;
  const usage = {
    input_tokens: text + seen,
    input_tokens_details: { text_tokens: text, image_tokens: seen },
    output_tokens: output,
    total_tokens: text + seen + output,
  };
  const isTold = script.omit_usage !== true && script.usage_by !== "pieces";
  const told = isTold ? { usage } : {};
  const used = { output, quantities: { images: count, image_output: output } };
  const begun = {
    input: text + seen,
    quantities: { uncached_input: text, ...(seen === 0 ? {} : { image_input: seen }) },
  };
  const facts = {
    size: `${size.width}x${size.height}`,
    quality: "low",
    output_format: "png",
    background: "opaque",
  };
  if (!isOn(fields["stream"])) {
    const data = images.map((image) => toData(image, fields["response_format"]));
    const body = { created: CREATED, ...facts, data, ...told };
    return { contentType: JSON_TYPE, begun, parts: [jsonPart(body, used)], isStream: false };
  }
  const partials = numberIn(request, "partial_images", { min: 0, max: PARTIALS_MAX, usual: 0 });
  const head = { created_at: CREATED, ...facts };
  const parts = Array.from({ length: partials }, (_, at) => ({
    type: `${event}.partial_image`,
    ...head,
    partial_image_index: at,
    b64_json: drawPicture({ width: 8, height: 8 }, `${prompt} partial ${at}`).toString("base64"),
  })).map((partial) => eventPart(partial));
  const [image] = images;
  const last = {
    type: `${event}.completed`,
    ...head,
    b64_json: image?.toString("base64"),
    ...told,
  };
  return { contentType: SSE_TYPE, begun, parts: [...parts, eventPart(last, used)], isStream: true };
}

const toData = (image: Buffer, format: unknown) => {
  const text = image.toString("base64");
  return format === "url" ? { url: `data:image/png;base64,${text}` } : { b64_json: text };
};

function inputImages({ files, fields }: OperationRequest, event: string): number {
  const listed = Array.isArray(fields["images"]) ? fields["images"].length : 0;
  const sent = files.filter(({ name }) => /^(image(\[\])?|mask)$/.test(name)).length + listed;
  if (event === "image_edit" && sent === 0) {
    throw new Failure("invalid", "image must be a file.", { param: "image" });
  }
  return sent;
}

function readSize({ fields }: OperationRequest): { width: number; height: number } {
  const { size = "auto" } = fields;
  if (size === "auto" || size === null) return { width: SIDE_USUAL, height: SIDE_USUAL };
  const [, width, height] = /^(\d{1,4})x(\d{1,4})$/.exec(String(size)) ?? [];
  const sides = { width: Number(width), height: Number(height) };
  const isValid = Object.values(sides).every((side) => side >= 1 && side <= SIDE_MAX);
  if (isValid) return sides;
  throw new Failure("invalid", `size must be auto or up to ${SIDE_MAX}x${SIDE_MAX}.`, {
    param: "size",
  });
}
