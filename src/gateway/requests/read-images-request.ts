/** Bytes → a validated request to make or to edit images, as JSON or as a form. Fields we do not know are kept. */
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { ImagesExchange, type ImagesRequest } from "../../providers/operations/images.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { countedWish, type ImageWish, imageBounds } from "./image-bounds.ts";
import { invalidField } from "./invalid-field.ts";
import { Model, operationRequest } from "./operation-request.ts";
import {
  FormFlag,
  formInteger,
  isForm,
  readFields,
  readFiles,
  readForm,
  textBytesIn,
} from "./read-form.ts";
import { readJsonBody } from "./read-json.ts";
import { BYTES_PER_TOKEN, IMAGE_TOKENS_MAX, TEMPLATE_TOKENS_MAX } from "./token-bounds.ts";
import type { Upload } from "./upload-room.ts";

/** Of OpenAI, for one file; here for all files of a request. */
const FILE_BYTES_MAX = 50 * 1024 * 1024;
const PROMPT_CHARS_MAX = 32_000;
const INPUT_IMAGES_MAX = 16;
const IMAGES_MAX = 10;
const PARTIALS_MAX = 3;
const FRAMES_MAX = 16;
/** Of a moving image for which no number is given. */
const FRAMES_USUAL = 9;

const Prompt = z.string().min(1).max(PROMPT_CHARS_MAX);
/** `1024x1024`, `1024*1024`, `auto`, or a name such as `2K`. */
const Size = z.string().regex(/^[\w*:]{1,32}$/, "expected a size such as 1024x1024");
const Quality = z.string().max(32);
const Format = z.enum(["png", "jpeg", "webp", "gif"], {
  error: "expected png, jpeg, webp or gif: other formats are billed by another model",
});
const COUNTS = {
  n: { min: 1, max: IMAGES_MAX },
  partial_images: { min: 0, max: PARTIALS_MAX },
  frame_count: { min: 2, max: FRAMES_MAX },
} as const;
const count = (name: keyof typeof COUNTS) => z.int().min(COUNTS[name].min).max(COUNTS[name].max);

const Body = z.looseObject({
  model: Model,
  prompt: Prompt,
  n: count("n").nullish(),
  size: Size.nullish(),
  quality: Quality.nullish(),
  output_format: Format.nullish(),
  stream: z.boolean().nullish(),
  partial_images: count("partial_images").nullish(),
  frame_count: count("frame_count").nullish(),
  images: z.array(z.looseObject({})).min(1).max(INPUT_IMAGES_MAX).nullish(),
});

const Form = z.object({
  model: Model,
  prompt: Prompt,
  n: formInteger(COUNTS.n).optional(),
  size: Size.optional(),
  quality: Quality.optional(),
  output_format: Format.optional(),
  stream: FormFlag,
  partial_images: formInteger(COUNTS.partial_images).optional(),
  frame_count: formInteger(COUNTS.frame_count).optional(),
});

type Wished = { [Name in keyof z.infer<typeof Form>]?: z.infer<typeof Form>[Name] | null };

export async function readImagesRequest(call: Call, limits: GatewayLimits): Promise<CallRequest> {
  const { body, bytes } = await readJsonBody(call, limits);
  const asked = { does: "generate", sent: { json: body } } as const;
  return toRequest(call, {
    ...asked,
    wished: readWished(body),
    textBytes: bytes.length,
    inputs: 0,
  });
}

export async function readImageEditRequest(
  call: Call,
  limits: GatewayLimits,
  upload: Upload,
): Promise<CallRequest> {
  if (!isForm(call)) return await readJsonEdit(call, limits);
  const form = await readForm(call, limits, { upload, fileBytesMax: FILE_BYTES_MAX });
  const wished = readFields(form, Form);
  const files = readFiles(form, { names: ["image", "image[]"], countMax: INPUT_IMAGES_MAX });
  if (form.parts.some(({ name }) => /^svg\b/.test(name))) throw billedElsewhere();
  // A mask and marks are images like any other.
  const others = form.parts.filter(({ filename }) => filename !== undefined).length;
  return toRequest(call, {
    does: "edit",
    sent: { form },
    wished,
    textBytes: textBytesIn(form),
    inputs: Math.max(files.length, others),
  });
}

async function readJsonEdit(call: Call, limits: GatewayLimits): Promise<CallRequest> {
  const { body, bytes } = await readJsonBody(call, limits);
  const wished = readWished(body);
  const images = Array.isArray(body["images"]) ? body["images"] : [];
  if (images.length === 0) {
    const what = "'images' must be 1 to 16 images, unless they come as files of a form.";
    throw new Failure("invalid", what, { param: "images", code: "invalid_field" });
  }
  const pictureBytes = JSON.stringify([images, body["mask"]]).length;
  return toRequest(call, {
    does: "edit",
    sent: { json: body },
    wished,
    textBytes: Math.max(bytes.length - pictureBytes, 0),
    inputs: images.length + (body["mask"] === undefined ? 0 : 1),
  });
}

function readWished(body: JsonObject): Wished & { model: string; prompt: string } {
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  if (body["svg"] !== undefined && body["svg"] !== null) throw billedElsewhere();
  return parsed.data as Wished & { model: string; prompt: string };
}

const billedElsewhere = (): Failure =>
  new Failure("invalid", "'svg' is not taken: it is billed by another model than this one.", {
    param: "svg",
    code: "invalid_field",
  });

type Asked = Pick<ImagesRequest, "does" | "sent"> & {
  wished: Wished & { model: string; prompt: string };
  textBytes: number;
  /** Images that are sent along. */
  inputs: number;
};

function toRequest(call: Call, { does, sent, wished, textBytes, inputs }: Asked): CallRequest {
  const { model, prompt } = wished;
  const isStream = wished.stream === true;
  const wish: ImageWish = {
    images: wished.n ?? 1,
    size: wished.size ?? undefined,
    quality: wished.quality ?? undefined,
    partials: wished.partial_images ?? 0,
    frames: wished.output_format === "gif" ? (wished.frame_count ?? FRAMES_USUAL) : 1,
  };
  const promptTokens = Math.ceil(Buffer.byteLength(prompt) / BYTES_PER_TOKEN);
  return operationRequest(call, {
    operation: does === "edit" ? "image_edit" : "image_generation",
    model,
    exchange: new ImagesExchange({ does, sent, isStream }),
    body: "json" in sent ? sent.json : undefined,
    isStream,
    text: prompt,
    modalities: inputs > 0 ? ["image"] : [],
    inputTokensMax: textBytes + TEMPLATE_TOKENS_MAX + inputs * IMAGE_TOKENS_MAX,
    fixed: imageBounds(wish),
    counted: countedWish(wish, promptTokens),
  });
}
