import { Failure } from "../../lib/errors.ts";
import { JSON_TYPE, jsonPart, numberIn, type PlanOperation, tokensIn } from "./operation.ts";

const DIMENSIONS_USUAL = 64;
const DIMENSIONS_MAX = 4_096;
const INPUTS_MAX = 2_048;

/** A bag of words in a few dimensions: texts that share words lie near each other, and the same text always lies there. */
export const planEmbeddings: PlanOperation = (request) => {
  const { fields, script, model } = request;
  const inputs = readInputs(fields["input"]);
  const bounds = { min: 1, max: DIMENSIONS_MAX, usual: DIMENSIONS_USUAL };
  const dimensions = Math.floor(numberIn(request, "dimensions", bounds));
  const isPacked = fields["encoding_format"] === "base64";
  const tokens = script.prompt_tokens ?? inputs.reduce((sum, input) => sum + input.tokens, 0);
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input.words, dimensions);
    const embedding = isPacked ? Buffer.from(vector.buffer).toString("base64") : [...vector];
    return { object: "embedding", index, embedding };
  });
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  const isSilent = script.omit_usage === true;
  return {
    contentType: JSON_TYPE,
    begun: { input: tokens, quantities: { uncached_input: tokens } },
    parts: [jsonPart({ object: "list", data, model, ...(isSilent ? {} : { usage }) })],
    isStream: false,
  };
};

type Input = { words: string[]; tokens: number };

/** A text, several, the numbers of one text's tokens, or those of several. */
function readInputs(value: unknown): Input[] {
  const isNumbers = (item: unknown) => Array.isArray(item) && item.every(Number.isInteger);
  const items = typeof value === "string" || isNumbers(value) ? [value] : value;
  if (!Array.isArray(items) || items.length === 0 || items.length > INPUTS_MAX) {
    throw new Failure("invalid", `input must be 1 to ${INPUTS_MAX} texts.`, { param: "input" });
  }
  return items.map((item: unknown, index) => {
    if (typeof item === "string" && item !== "")
      return { words: wordsIn(item), tokens: tokensIn(item) };
    if (isNumbers(item))
      return { words: (item as number[]).map(String), tokens: (item as number[]).length };
    const param = `input[${index}]`;
    throw new Failure("invalid", `${param} must be a text or a list of tokens.`, { param });
  });
}

export const wordsIn = (text: string): string[] =>
  text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

function vectorOf(words: string[], dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of words) {
    const hash = Number(Bun.hash.wyhash(word) & 0xffff_ffffn);
    const at = hash % dimensions;
    vector[at] = (vector[at] ?? 0) + (hash >= 0x8000_0000 ? 1 : -1);
  }
  const length = Math.hypot(...vector);
  // Words may cancel each other out, and a vector of length zero is near to nothing.
  if (length === 0) vector[0] = 1;
  else for (let at = 0; at < dimensions; at++) vector[at] = (vector[at] ?? 0) / length;
  return vector;
}
