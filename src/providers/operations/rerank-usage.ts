import type { ReadUsage } from "../neutral/answer.ts";
import { countIn, quantitiesOf, recordIn } from "./counts.ts";
import { readInputTokens } from "./read-tokens.ts";

/**
 * Search units (Cohere: `meta.billed_units`), tokens (Jina, vLLM, Together and DashScope: `usage`; SiliconFlow:
 * `tokens`, or `meta.tokens`), or both: they are two views of the same work, and a price names one of them.
 */
export function readRerankUsage(body: Record<string, unknown>): ReadUsage | undefined {
  const meta = recordIn(body["meta"]);
  const billed = recordIn(meta["billed_units"]);
  const searchUnits = countIn(billed["search_units"]);
  const tokens = [body["usage"], body["tokens"], billed, meta["tokens"]]
    .map((usage) => readInputTokens(usage))
    .find((quantities) => quantities !== undefined);
  if (searchUnits === undefined && tokens === undefined) return undefined;
  return {
    quantities: { ...tokens, ...quantitiesOf({ search_units: searchUnits }) },
    raw: body["usage"] ?? body["tokens"] ?? body["meta"],
  };
}
