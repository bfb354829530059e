/** How much a model shall think: by effort, or, for older models, by a budget of tokens. */
import type { JsonObject } from "../../../lib/json.ts";
import { type Prompt, type ReasoningWish, untranslatable } from "../../neutral/prompt.ts";
import { effortOf } from "../../neutral/reasoning-effort.ts";
import type { EncodeOptions } from "../dialect.ts";

type Effort = "low" | "medium" | "high" | "xhigh" | "max";
export type ThinkingFields = {
  thinking?: JsonObject | undefined;
  effort?: Effort | undefined;
};

/**
 * Models before Claude 4.6 know budgets only, and those since 4.7 refuse them. The names say which, whoever serves the
 * model; the quirk `thinking_request` says it for models of other makers.
 * https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
 */
const BUDGET_ONLY = /claude-(?:3[-.]7|(?:opus|sonnet|haiku)-4(?![-.][6-9](?!\d)))/;

export function thinkingOf(prompt: Prompt, options: EncodeOptions): ThinkingFields {
  const { reasoning } = prompt;
  if (reasoning === undefined) return {};
  const effort = toEffort(reasoning);
  if (effort === "none") return { thinking: { type: "disabled" } };
  const display = reasoning.summary === undefined ? {} : { display: "summarized" };
  const byBudget = BUDGET_ONLY.test(options.upstreamModel) ? "budget" : "effort";
  if ((options.quirks.thinking_request ?? byBudget) === "effort") {
    return { thinking: { type: "adaptive", ...display }, effort };
  }
  if (!canThinkNow(prompt)) return {};
  const budget = toBudget(reasoning, effort, options.maxOutputTokens);
  if (budget !== undefined) {
    return { thinking: { type: "enabled", budget_tokens: budget, ...display } };
  }
  // Where it was not the client that asked for so little, the answer goes without thoughts.
  if (reasoning.isOptional === true || (prompt.maxOutputTokens ?? BUDGET_MIN + 1) > BUDGET_MIN) {
    return {};
  }
  throw untranslatable(
    "reasoning",
    `its model thinks with at least ${BUDGET_MIN} tokens, which is more than the output limit leaves`,
  );
}

/** There is no word for less than a little. */
function toEffort(wish: ReasoningWish): Effort | "none" | undefined {
  const effort = effortOf(wish);
  return effort === "minimal" ? "low" : effort;
}

/** Anthropic's own minimum. */
const BUDGET_MIN = 1_024;
const BUDGET_BY_EFFORT: Readonly<Record<Effort, number>> = {
  low: 2_048,
  medium: 8_192,
  high: 16_384,
  xhigh: 32_768,
  max: 65_536,
};
/** The rest of the limit is for the answer itself. */
const SHARE_OF_LIMIT = 0.75;

/** Below the limit that it is a part of; undefined where the limit is too low for any. */
function toBudget(
  wish: ReasoningWish,
  effort: Effort | undefined,
  limit: number,
): number | undefined {
  if (limit <= BUDGET_MIN) return undefined;
  const wanted = wish.budgetTokens ?? BUDGET_BY_EFFORT[effort ?? "medium"];
  return Math.max(Math.min(wanted, Math.floor(limit * SHARE_OF_LIMIT)), BUDGET_MIN);
}

/**
 * With a budget, a turn that has called tools must begin with the thoughts that led to the calls, sealed. Clients of
 * dialects without seals do not have them, so such a turn goes on without thinking.
 */
function canThinkNow({ messages }: Prompt): boolean {
  const last = messages.findLast(({ role }) => role === "assistant");
  if (last?.role !== "assistant" || messages.at(-1)?.role !== "tool") return true;
  const [first] = last.parts;
  const isSealed =
    first?.type === "reasoning" && (first.signature ?? first.encrypted) !== undefined;
  return isSealed && (first.sealedBy ?? "anthropic-messages") === "anthropic-messages";
}
