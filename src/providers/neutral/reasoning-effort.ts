import type { ReasoningWish } from "./prompt.ts";

/** A budget below this many tokens is that effort. Models that take no budget think about as long. */
const EFFORT_BY_BUDGET = [
  [1_024, "minimal"],
  [4_096, "low"],
  [16_384, "medium"],
] as const;

/** For dialects that say how hard to think, but not for how many tokens. */
export function effortOf({ effort, budgetTokens }: ReasoningWish): ReasoningWish["effort"] {
  if (effort !== undefined || budgetTokens === undefined) return effort;
  return EFFORT_BY_BUDGET.find(([below]) => budgetTokens < below)?.[1] ?? "high";
}
