/** The fields of a chat request that are not a matter of words: refused, or read elsewhere. */
import type { JsonObject } from "../../../lib/json.ts";
import { untranslatable } from "../../neutral/prompt.ts";
import { translatedFields } from "./request-shape.ts";

/** A documented field without a counterpart, and the values that ask for nothing. */
type Refused = { why: string; asksNothing?(value: unknown): boolean };

const isOnlyText = (value: unknown): boolean =>
  Array.isArray(value) && value.every((modality) => modality === "text");
const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

const refused: Readonly<Record<string, Refused>> = {
  audio: { why: "it answers in text only" },
  modalities: { why: "it answers in text only", asksNothing: isOnlyText },
  functions: { why: "they were replaced by 'tools'" },
  function_call: { why: "it was replaced by 'tool_choice'" },
  logit_bias: { why: "its tokens are other ones", asksNothing: isEmptyObject },
  moderation: { why: "its provider does not moderate beside the answer" },
  prediction: { why: "its provider does not take predicted output" },
  store: { why: "its provider does not store answers", asksNothing: (value) => value === false },
  web_search_options: { why: "its provider does not search the web here" },
};

/**
 * Read by the gateway; and wishes about the place and time of the provider's cache, which change no answer: another
 * provider caches by its own rules.
 */
const READ_ELSEWHERE = ["model", "prompt_cache_retention", "prompt_cache_options"] as const;

/** Everything that OpenAI documents, and `top_k`, which is read as if it did. */
export const documentedFields: ReadonlySet<string> = new Set([
  ...Object.keys(translatedFields),
  ...Object.keys(refused),
  ...READ_ELSEWHERE,
]);

/** @throws Failure `UNTRANSLATABLE` */
export function refuseUntranslatable(body: JsonObject): void {
  for (const [field, { why, asksNothing }] of Object.entries(refused)) {
    const value = body[field];
    if (value === undefined || value === null || asksNothing?.(value) === true) continue;
    throw untranslatable(field, why);
  }
}

export function undocumentedIn(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([field]) => !documentedFields.has(field)));
}
