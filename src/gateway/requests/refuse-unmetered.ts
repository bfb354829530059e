/**
 * Fields of providers' own that reach beyond what a call is held and metered for. Everything else that nobody here
 * knows goes on as it came.
 */
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";

const OTHER_MODELS = "other models answer by a route here, at their own price";
const SEARCHES =
  "its searches are billed apart and reported nowhere, so they cannot be metered. The tool web_search of /v1/responses can";
const LIMIT = "answers are limited by 'max_tokens' or 'max_completion_tokens' here";

/** By field, what is wrong with it. */
const unmetered: ReadonlyMap<string, string> = new Map([
  // OpenRouter: models to fall back to, and what is done beside the answer.
  ["models", OTHER_MODELS],
  ["plugins", SEARCHES],
  // OpenAI and Perplexity, Alibaba, xAI.
  ["web_search_options", SEARCHES],
  ["enable_search", SEARCHES],
  ["search_parameters", SEARCHES],
  // Limits beside OpenAI's, which some servers prefer to it: the hold would be for another answer.
  ["n_predict", LIMIT],
  ["num_predict", LIMIT],
  ["max_new_tokens", LIMIT],
  ["best_of", "say with 'n' how many answers are wanted"],
]);

const asksNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (Array.isArray(value) && value.length === 0);

/** @throws Failure `invalid` that names the field */
export function refuseUnmetered(body: JsonObject): void {
  for (const [param, why] of unmetered) {
    if (asksNothing(body[param])) continue;
    throw new Failure("invalid", `'${param}' is not taken: ${why}.`, {
      param,
      code: "not_supported",
    });
  }
}
