/** Bytes → a validated request for embeddings. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import { EmbeddingsExchange } from "../../providers/operations/embeddings.ts";
import type { CallRequest, ReadCallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { Model, operationRequest } from "./operation-request.ts";
import { readJsonBody } from "./read-json.ts";
import { BYTES_PER_TOKEN, IMAGE_TOKENS_MAX, IMAGE_TOKENS_USUAL } from "./token-bounds.ts";

/** Above what any provider takes at once. */
const INPUTS_MAX = 10_000;
const DIMENSIONS_MAX = 65_536;
/** Marks of the beginning and the end, and the name of a task. */
const TOKENS_AROUND_INPUT = 64;

const Token = z.int().min(0);
const Text = z.string().min(1);
/** Of models that embed pictures, too. */
const Parts = z.looseObject({ text: z.string().optional() });
const Item = z.union([Token, Text, z.array(Token).min(1), Parts], {
  error: "expected a text or a list of tokens",
});

const Body = z.looseObject({
  model: Model,
  input: z.union([Text, z.array(Item).min(1)], {
    error: "expected a text, a list of tokens, or a list of these",
  }),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().min(1).max(DIMENSIONS_MAX).nullish(),
});

export const readEmbeddingsRequest: ReadCallRequest = async (
  call,
  limits,
): Promise<CallRequest> => {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  const inputs = toInputs(parsed.data.input);
  if (inputs.length > INPUTS_MAX) {
    throw new Failure("invalid", `At most ${INPUTS_MAX} inputs are taken.`, { param: "input" });
  }
  const measured = inputs.map(measure);
  const sum = (of: (one: Measured) => number) =>
    measured.reduce((total, one) => total + of(one), 0);
  // What stands beside the inputs may be an instruction that goes with each of them.
  const beside = Math.max(bytes.length - sum((one) => one.bytes), 0);
  return operationRequest(call, {
    operation: "embeddings",
    model: parsed.data.model,
    exchange: new EmbeddingsExchange(body),
    body,
    text: inputs.find((input) => typeof input === "string") ?? "",
    inputTokensMax: sum((one) => one.tokensMax) + inputs.length * (beside + TOKENS_AROUND_INPUT),
    contexts: inputs.length,
    fixed: {},
    counted: [
      {
        uncached_input: Math.max(
          sum((one) => one.tokens),
          1,
        ),
      },
    ],
  });
};

type Input = string | number[] | z.infer<typeof Parts>;
type Measured = { bytes: number; tokens: number; tokensMax: number };

/** Numbers alone are the tokens of one input. */
function toInputs(input: z.infer<typeof Body>["input"]): Input[] {
  if (typeof input === "string") return [input];
  const numbers = input.filter((item) => typeof item === "number");
  if (numbers.length === input.length) return [numbers];
  if (numbers.length === 0) return input.filter((item) => typeof item !== "number");
  throw new Failure("invalid", "'input' mixes tokens with texts.", {
    param: "input",
    code: "invalid_field",
  });
}

function measure(input: Input): Measured {
  if (typeof input === "string") return measureText(input);
  if (Array.isArray(input)) {
    return { bytes: input.length, tokens: input.length, tokensMax: input.length };
  }
  const { text, ...others } = input;
  const measured = measureText(text ?? "");
  const pictures = Object.values(others);
  return {
    bytes: pictures.reduce<number>((sum, one) => sum + JSON.stringify(one).length, measured.bytes),
    tokens: measured.tokens + pictures.length * IMAGE_TOKENS_USUAL,
    tokensMax: measured.tokensMax + pictures.length * IMAGE_TOKENS_MAX,
  };
}

function measureText(text: string): Measured {
  const bytes = Buffer.byteLength(text);
  return { bytes, tokens: Math.ceil(bytes / BYTES_PER_TOKEN), tokensMax: bytes };
}
