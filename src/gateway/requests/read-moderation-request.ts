/** Bytes → a validated request to moderate. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { ModerationExchange } from "../../providers/operations/moderation.ts";
import type { CallRequest, ReadCallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { Model, operationRequest } from "./operation-request.ts";
import { readJsonBody } from "./read-json.ts";
import { BYTES_PER_TOKEN, IMAGE_TOKENS_MAX, TEMPLATE_TOKENS_MAX } from "./token-bounds.ts";

/** What OpenAI takes where no model is named. */
const USUAL_MODEL = "omni-moderation-latest";
const INPUTS_MAX = 1_000;

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });

const Body = z.looseObject({
  model: Model.nullish(),
  input: z.union(
    [
      z.string(),
      z
        .array(z.union([z.string(), Part]))
        .min(1)
        .max(INPUTS_MAX),
    ],
    {
      error: "expected a text or a list of texts and images",
    },
  ),
});

export const readModerationRequest: ReadCallRequest = async (
  call,
  limits,
): Promise<CallRequest> => {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  const { input } = parsed.data;
  const inputs = typeof input === "string" ? [input] : input;
  const text = inputs.map((one) => (typeof one === "string" ? one : (one.text ?? ""))).join("\n");
  const pictures = inputs.filter((one) => typeof one !== "string" && one.text === undefined);
  const pictureBytes = pictures.reduce<number>((sum, one) => sum + JSON.stringify(one).length, 0);
  return operationRequest(call, {
    operation: "moderation",
    model: parsed.data.model ?? USUAL_MODEL,
    exchange: new ModerationExchange(body),
    body,
    text,
    modalities: pictures.length > 0 ? ["image"] : [],
    inputTokensMax:
      Math.max(bytes.length - pictureBytes, 0) +
      inputs.length * TEMPLATE_TOKENS_MAX +
      pictures.length * IMAGE_TOKENS_MAX,
    contexts: inputs.length,
    fixed: {},
    counted: [
      { uncached_input: Math.max(Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN), 1) },
    ],
  });
};
