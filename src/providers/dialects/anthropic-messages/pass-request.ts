import type { JsonObject } from "../../../lib/json.ts";
import type { EncodeOptions } from "../dialect.ts";
import { isRecord } from "../openai-chat/wire.ts";
import { boundedTools } from "./server-tools.ts";
import { withoutForeignThinking } from "./thinking-blocks.ts";

/**
 * The client's request with only the model and the limits changed, and without thoughts that are not the provider's.
 */
export function passRequest(request: JsonObject, options: EncodeOptions): JsonObject {
  const { upstreamModel: model, maxOutputTokens } = options;
  const { tools, messages } = request;
  return {
    ...request,
    model,
    max_tokens: maxOutputTokens,
    messages: withoutForeignThinking(messages),
    ...(tools === undefined ? {} : { tools: boundedTools(tools) }),
    ...loweredBudget(request, maxOutputTokens),
  };
}

/** Anthropic's own minimum of a budget. */
const BUDGET_MIN = 1_024;

/**
 * Anthropic refuses a budget that is not below the limit: who lowers the one must lower the other. A limit too low for
 * any budget leaves an answer without thoughts.
 */
function loweredBudget({ thinking, max_tokens: asked }: JsonObject, limit: number): JsonObject {
  const budget = isRecord(thinking) ? thinking["budget_tokens"] : undefined;
  const wasBelow = typeof budget === "number" && typeof asked === "number" && budget < asked;
  if (!isRecord(thinking) || !wasBelow || budget < limit) return {};
  if (limit <= BUDGET_MIN) return { thinking: { type: "disabled" } };
  return { thinking: { ...thinking, budget_tokens: limit - 1 } };
}
