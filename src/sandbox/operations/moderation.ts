import { Failure } from "../../lib/errors.ts";
import { JSON_TYPE, jsonPart, type PlanOperation, tokensIn } from "./operation.ts";

/** One word of each category is enough to test what a program does with the answer. */
const WORDS = {
  violence: /\b(attack|kill|murder)/i,
  harassment: /\b(idiot|stupid)/i,
  hate: /\bhate\b/i,
  "self-harm": /\b(hurt myself|suicide)/i,
  sexual: /\bsexual/i,
} as const;

export const planModeration: PlanOperation = ({ fields, script, model }) => {
  const inputs = [fields["input"]].flat().map(textIn);
  const tokens = script.prompt_tokens ?? inputs.reduce((sum, text) => sum + tokensIn(text), 0);
  const results = inputs.map((text) => {
    const found = Object.entries(WORDS).map(([name, words]) => [name, words.test(text)] as const);
    return {
      flagged: found.some(([, isFound]) => isFound),
      categories: Object.fromEntries(found),
      category_scores: Object.fromEntries(
        found.map(([name, isFound]) => [name, isFound ? 0.98 : 0.01]),
      ),
      category_applied_input_types: Object.fromEntries(found.map(([name]) => [name, ["text"]])),
    };
  });
  // OpenAI reports no usage.
  const told = { usage: { prompt_tokens: tokens, total_tokens: tokens } };
  return {
    contentType: JSON_TYPE,
    begun: { input: tokens, quantities: { uncached_input: tokens } },
    parts: [
      jsonPart({
        id: "modr-sandbox",
        model,
        results,
        ...(script.usage_by === "tokens" ? told : {}),
      }),
    ],
    isStream: false,
  };
};

function textIn(item: unknown, index: number): string {
  if (typeof item === "string") return item;
  const { type, text } = (item ?? {}) as Record<string, unknown>;
  if (type === "image_url") return "";
  if (typeof text === "string") return text;
  throw new Failure("invalid", `input[${index}] must be a text.`, { param: "input" });
}
