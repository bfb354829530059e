/** Limits of providers that count thoughts beside the output limit, not within it. */
import type { JsonObject } from "../../../lib/json.ts";
import type { EncodeOptions } from "../dialect.ts";

/** What is left is for the answer itself; more than half of what models need to think is rarely enough for both. */
const SHARE_OF_THOUGHTS = 0.75;

/**
 * The hold was made for thoughts and answer together, so the limit is divided between them: as the client's own budget
 * says, where that leaves room. A model that thinks without being asked is bounded by its provider alone.
 */
export function thoughtLimits(body: JsonObject, options: EncodeOptions): JsonObject {
  const { quirks, maxOutputTokens: limit } = options;
  if (quirks.thoughts_beside_limit !== true || body["enable_thinking"] !== true) return {};
  const asked = body["thinking_budget"];
  const wanted = typeof asked === "number" ? asked : Math.floor(limit * SHARE_OF_THOUGHTS);
  const budget = Math.max(Math.min(wanted, limit - 1), 0);
  const field = quirks.output_limit_field ?? "max_tokens";
  return { thinking_budget: budget, [field]: limit - budget };
}
