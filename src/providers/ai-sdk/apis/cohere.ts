/** Cohere's own API, version 2. */
import type { JsonObject } from "../../../lib/json.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import { countIn, quantitiesOf, recordIn } from "../../operations/counts.ts";
import { type Api, NO_KEY } from "./api.ts";

export const cohere: Api = {
  open: async ({ baseURL, fetch, model }) => {
    const { createCohere } = await import("@ai-sdk/cohere");
    return createCohere({ apiKey: NO_KEY, baseURL, fetch })(model);
  },
  ownFields: new Set([
    "model",
    "messages",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
    "stream",
  ]),
  readUsage: readCohereUsage,
  effort: ({ reasoning }) =>
    reasoning?.budgetTokens === undefined ? reasoning?.effort : undefined,
  options: ({ reasoning }) =>
    reasoning?.budgetTokens === undefined
      ? {}
      : { cohere: { thinking: { type: "enabled", tokenBudget: reasoning.budgetTokens } } },
  splitsCalls: true,
};

/**
 * Cohere. `billed_units` is what is paid for; `tokens` also counts the words that Cohere adds itself. Its bills know
 * no cached tokens.
 *
 * https://docs.cohere.com/v2/reference/chat
 */
export function readCohereUsage(raw: JsonObject): Quantities | undefined {
  const billed = recordIn(raw["billed_units"]);
  const tokens = recordIn(raw["tokens"]);
  const input = countIn(billed["input_tokens"]) ?? countIn(tokens["input_tokens"]);
  const output = countIn(billed["output_tokens"]) ?? countIn(tokens["output_tokens"]);
  if (input === undefined && output === undefined) return undefined;
  return quantitiesOf({
    uncached_input: input,
    output_text: output,
    search_units: countIn(billed["search_units"]),
  });
}
