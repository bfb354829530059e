/** `router_settings` and `litellm_settings`: how calls are spread, repeated and passed on. Pure. */
import type { RouteDefinition } from "../../../contract/route-definition.ts";
import {
  fieldOf,
  itemsOf,
  type MapSetting,
  numberOf,
  type Setting,
  textOf,
  wholeOf,
} from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import { readCache } from "./read-cache.ts";

export type Strategy = NonNullable<RouteDefinition["strategy"]>;
export type Again = NonNullable<NonNullable<RouteDefinition["retry"]>["again"]>;

/** One place where the configuration says to whom calls of a group go next. */
export type Fallback = { readonly setting: Setting; readonly from: string; readonly to: string };
export type Alias = { readonly setting: Setting; readonly name: string; readonly group: string };

export type Policy = {
  readonly strategy: Strategy;
  readonly fallbacks: readonly Fallback[];
  readonly defaultFallbacks: readonly Fallback[];
  readonly contextFallbacks: readonly Fallback[];
  readonly aliases: readonly Alias[];
  readonly retries: number | undefined;
  readonly again: Again;
  readonly backoffMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly cacheSeconds: number | undefined;
  readonly fallbackDepth: number;
};

/** LiteLLM's default. */
const FALLBACK_DEPTH = 5;

export function readPolicy(root: MapSetting, findings: Findings): Policy {
  const router = fieldOf(root, "router_settings");
  const module = fieldOf(root, "litellm_settings");
  // Where both say it, the router's word holds.
  const either = (name: string): Setting | undefined => {
    const [own, other] = [fieldOf(router, name), fieldOf(module, name)];
    if (own !== undefined) findings.ignore(other, "router_settings says it, and comes first");
    return own ?? other;
  };
  const timeout = fieldOf(router, "timeout") ?? fieldOf(module, "request_timeout");
  if (fieldOf(router, "timeout") !== undefined) {
    findings.ignore(fieldOf(module, "request_timeout"), "router_settings.timeout comes first");
  }
  const retries = takeCount(
    either("num_retries") ?? fieldOf(router, "max_retries"),
    "retries",
    findings,
  );
  return {
    strategy: readStrategy(fieldOf(router, "routing_strategy"), findings),
    fallbacks: readFallbacks(either("fallbacks"), findings),
    defaultFallbacks: namesIn(either("default_fallbacks"), "*", findings),
    contextFallbacks: readFallbacks(either("context_window_fallbacks"), findings),
    aliases: [
      ...readAliases(fieldOf(router, "model_group_alias"), findings),
      ...readAliases(fieldOf(module, "model_alias_map"), findings),
    ],
    retries,
    again: readRetryPolicy(fieldOf(router, "retry_policy"), findings),
    backoffMs: takeSeconds(
      fieldOf(router, "retry_after"),
      "the wait before a candidate is asked again",
      findings,
    ),
    timeoutMs: takeSeconds(timeout, "the routes' timeout until the first byte", findings),
    cacheSeconds: readCache(module, findings),
    fallbackDepth:
      takeCount(fieldOf(router, "max_fallbacks"), "fallbacks of fallbacks", findings) ??
      FALLBACK_DEPTH,
  };
}

const strategies: Readonly<Record<string, readonly [Strategy, why: string]>> = {
  "simple-shuffle": ["weighted", "the strategy weighted"],
  "least-busy": ["least-busy", "the strategy least-busy"],
  "latency-based-routing": ["lowest-latency", "the strategy lowest-latency"],
  "cost-based-routing": ["lowest-cost", "the strategy lowest-cost"],
  "usage-based-routing": ["least-busy", "the strategy least-busy, which is the nearest"],
  "usage-based-routing-v2": ["least-busy", "the strategy least-busy, which is the nearest"],
};

function readStrategy(setting: Setting | undefined, findings: Findings): Strategy {
  const name = textOf(setting) ?? "simple-shuffle";
  const known = Object.hasOwn(strategies, name) ? strategies[name] : undefined;
  if (known === undefined) {
    findings.refuse(setting, `Baseload has no strategy '${name}'; calls are spread by weight`);
    return "weighted";
  }
  findings.take(setting, known[1]);
  return known[0];
}

/** `[{gpt-4o: [claude, gemini]}, …]` */
function readFallbacks(list: Setting | undefined, findings: Findings): Fallback[] {
  return itemsOf(list).flatMap((item) =>
    item.kind === "map"
      ? [...item.fields].flatMap(([from, to]) => namesIn(to, from, findings))
      : [],
  );
}

function namesIn(list: Setting | undefined, from: string, findings: Findings): Fallback[] {
  return itemsOf(list).flatMap((setting) => {
    const to = textOf(setting);
    if (to !== undefined) return [{ setting, from, to }];
    findings.refuse(
      setting,
      "a fallback is the name of a model; requests are not changed on the way",
    );
    return [];
  });
}

function readAliases(map: Setting | undefined, findings: Findings): Alias[] {
  if (map?.kind !== "map") return [];
  return [...map.fields].flatMap(([name, setting]) => {
    const target = setting.kind === "map" ? fieldOf(setting, "model") : setting;
    const group = textOf(target);
    const hidden = fieldOf(setting, "hidden");
    if (hidden?.kind === "scalar" && hidden.value === true) {
      findings.refuse(hidden, "clients see every name that they may call");
    } else findings.ignore(hidden, "is off");
    return target === undefined || group === undefined ? [] : [{ setting: target, name, group }];
  });
}

/** LiteLLM's classes of errors, and ours. */
const errorClasses: Readonly<Record<string, readonly (keyof Again)[]>> = {
  RateLimitErrorRetries: ["rate_limited"],
  TimeoutErrorRetries: ["timeout"],
  InternalServerErrorRetries: ["upstream", "overloaded"],
};
export const AGAIN_MAX = 5;

function readRetryPolicy(map: Setting | undefined, findings: Findings): Again {
  if (map?.kind !== "map") return {};
  const again: Again = {};
  for (const [name, setting] of map.fields) {
    const classes = errorClasses[name];
    const times = wholeOf(setting);
    if (times === undefined) continue;
    if (classes === undefined && times === 0)
      findings.ignore(setting, "such errors are not asked again");
    else if (classes === undefined)
      findings.refuse(setting, "asking again does not help against such errors");
    else {
      for (const one of classes) again[one] = Math.min(times, AGAIN_MAX);
      findings.take(setting, `asked again ${sayTimes(times)}`);
    }
  }
  return again;
}

const sayTimes = (times: number): string =>
  times > AGAIN_MAX ? `${AGAIN_MAX} times, which is the most` : `${times} times`;

function takeCount(
  setting: Setting | undefined,
  what: string,
  findings: Findings,
): number | undefined {
  const count = wholeOf(setting);
  if (count !== undefined) findings.take(setting, `${what}: ${count}`);
  return count;
}

const SECONDS_MAX = 3_600;

/** Longer than a route can wait is as long as it can. */
export function takeSeconds(
  setting: Setting | undefined,
  what: string,
  findings: Findings,
): number | undefined {
  const seconds = numberOf(setting);
  if (seconds === undefined || seconds <= 0) return undefined;
  const taken = Math.min(seconds, SECONDS_MAX);
  findings.take(
    setting,
    taken < seconds ? `${what}, ${taken} s: the most that it can be` : `${what}, ${taken} s`,
  );
  return Math.max(1, Math.round(taken * 1_000));
}
