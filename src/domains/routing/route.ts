/** A route as a gateway keeps it: what can be worked out once is. */
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import type { RouteCondition, RouteDefinition, RouteTier, Strategy } from "./definition.ts";
import type { RoutePolicy } from "./plan.ts";

export type Route = {
  name: string;
  /** Counted from 1. */
  version: number;
  tiers: readonly (RouteTier & { strategy: Strategy })[];
  /** Whether the call's language must be found out before planning. */
  asksLanguage: boolean;
  policy: RoutePolicy;
};

/** Of models without a route of their own, and of routes that say nothing else. */
export const DEFAULT_POLICY: RoutePolicy = {
  attemptsMax: ATTEMPTS_MAX,
  again: { rate_limited: 1, overloaded: 1, timeout: 0, upstream: 1 },
  backoff: { firstMs: 250, maxMs: 4_000 },
  hedge: undefined,
  streams: "direct",
  timeoutMs: undefined,
  cache: undefined,
};

/** Hedging costs money: without a word about it, one call in twenty may be asked twice. */
const HEDGE_BUDGET_PERCENT = 5;

export function toRoute(name: string, version: number, definition: RouteDefinition): Route {
  const strategy = definition.strategy ?? "ordered";
  return {
    name,
    version,
    tiers: definition.tiers.map((tier) => ({ ...tier, strategy: tier.strategy ?? strategy })),
    asksLanguage: definition.tiers.some(
      (tier) => asksLanguage(tier.when) || tier.targets.some((target) => asksLanguage(target.when)),
    ),
    policy: toPolicy(definition),
  };
}

function toPolicy({ retry, hedge, streams, timeout_ms, cache }: RouteDefinition): RoutePolicy {
  const again = { ...DEFAULT_POLICY.again };
  for (const [kind, times] of Object.entries(retry?.again ?? {})) {
    if (times !== undefined) again[kind as keyof typeof again] = times;
  }
  return {
    attemptsMax: retry?.attempts ?? DEFAULT_POLICY.attemptsMax,
    again,
    backoff: {
      firstMs: retry?.backoff_ms ?? DEFAULT_POLICY.backoff.firstMs,
      maxMs: retry?.backoff_max_ms ?? DEFAULT_POLICY.backoff.maxMs,
    },
    hedge: hedge && {
      afterMs: hedge.after_ms,
      budgetPercent: hedge.budget_percent ?? HEDGE_BUDGET_PERCENT,
    },
    streams: streams ?? DEFAULT_POLICY.streams,
    timeoutMs: timeout_ms,
    cache: cache && { ttlSeconds: cache.ttl_seconds },
  };
}

function asksLanguage(condition: RouteCondition | undefined): boolean {
  if (condition === undefined) return false;
  if (condition.language !== undefined || asksLanguage(condition.not)) return true;
  return [...(condition.all ?? []), ...(condition.any ?? [])].some(asksLanguage);
}
