/** A request for images in OpenAI's words → what DashScope's APIs take. */
import type { JsonObject } from "../../lib/json.ts";
import { filesIn, type MultipartForm } from "../../lib/multipart.ts";
import { listIn } from "../dialects/openai-chat/wire.ts";
import { untranslatable } from "../neutral/prompt.ts";
import type { Sent } from "./put.ts";

export type DashscopeImagesRequest = {
  prompt: string;
  /** Addresses, or data URLs. */
  images: string[];
  /** `size`, `n`, and whatever else the client sent that OpenAI does not document. */
  parameters: JsonObject;
  /** The client wants the images themselves, not their addresses. */
  wantsBytes: boolean;
};

/** Taken over below, in other words. */
const TAKEN = ["model", "prompt", "image", "image[]", "images", "size", "n", "response_format"];
/** Who asks is no business of an image; it is not an instruction either. */
const IGNORED = ["user", "safety_identifier"];
/** Values that ask for what is done anyway. */
const USUAL: Readonly<Record<string, readonly unknown[]>> = {
  background: ["auto", "opaque"],
  moderation: ["auto"],
  output_format: ["png"],
  quality: ["auto", "standard"],
  stream: [false, "false"],
  style: [],
  mask: [],
  input_fidelity: [],
  output_compression: [100, "100"],
  partial_images: [0, "0"],
  svg: [],
  markup: [],
  complexity: [],
  frame_count: [],
  frame_duration_ms: [],
};

/** @throws Failure `UNTRANSLATABLE` for what OpenAI documents and DashScope has no words for */
export function encodeDashscopeImages({ sent }: { sent: Sent }): DashscopeImagesRequest {
  const body = "json" in sent ? sent.json : fieldsOf(sent.form);
  const parameters: JsonObject = {};
  for (const [name, value] of Object.entries(body)) {
    if (TAKEN.includes(name) || IGNORED.includes(name) || value === null) continue;
    const usual = USUAL[name];
    if (usual === undefined) parameters[name] = value;
    else if (!usual.includes(value)) throw untranslatable(name, "its images have no such setting");
  }
  const { size, n, prompt, response_format: format } = body;
  // Where no size is given, the provider's own is taken, or that of the image to edit.
  if (typeof size === "string" && size !== "auto") parameters["size"] = size.replace("x", "*");
  if (n !== undefined && n !== null) parameters["n"] = Number(n);
  return {
    prompt: String(prompt ?? ""),
    images: "json" in sent ? addressesIn(body) : dataUrlsIn(sent.form),
    parameters,
    wantsBytes: format === "b64_json",
  };
}

const decoder = new TextDecoder();

const fieldsOf = (form: MultipartForm): JsonObject =>
  Object.fromEntries(
    form.parts.map(({ name, filename, value }) => [
      name,
      filename === undefined ? decoder.decode(value) : filename,
    ]),
  );

const dataUrlsIn = (form: MultipartForm): string[] =>
  filesIn(form, ["image", "image[]"]).map(({ contentType, value }) => {
    const data = Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
    return `data:${contentType ?? "image/png"};base64,${data}`;
  });

function addressesIn(body: JsonObject): string[] {
  return listIn(body["images"]).map(({ image_url: url }) => {
    if (typeof url === "string") return url;
    throw untranslatable("images", "it takes images by their address or their bytes");
  });
}
