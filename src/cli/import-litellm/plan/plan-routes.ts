/** Routes: what stands behind the name of each group. Pure. */
import { ModelName } from "../../../contract/fields.ts";
import type { RouteDefinition } from "../../../contract/route-definition.ts";
import { fieldOf, wholeOf } from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import type { Deployment } from "../deployments/read-deployment.ts";
import type { PlannedModel } from "./plan-models.ts";
import { planTiers, type Tier } from "./plan-tiers.ts";
import { AGAIN_MAX, type Again, type Fallback, type Policy, takeSeconds } from "./read-policy.ts";
import type { RouteStep } from "./steps.ts";

type Groups = ReadonlyMap<string, readonly PlannedModel[]>;

/** As the control plane takes them. */
const TIERS_MAX = 16;
const ALIASES_MAX = 32;

export function planRoutes(groups: Groups, policy: Policy, findings: Findings): RouteStep[] {
  const aliases = readAliases(groups, policy, findings);
  const next = nextOf(groups, policy, aliases, findings);
  const context = knownOnly(policy.contextFallbacks, groups, aliases, findings);
  return [...groups].flatMap(([group, models]) => {
    const own = planTiers(group, models, policy, findings);
    const tiers = distinct([
      ...own,
      ...contextTiers(group, models, context, groups, policy, findings),
      ...reachable(group, next, policy.fallbackDepth).flatMap((name) =>
        planTiers(name, groups.get(name) ?? [], policy, findings),
      ),
    ]);
    const definition = {
      ...aliasesOf(group, aliases),
      tiers: tiers.slice(0, TIERS_MAX),
      ...retryOf(group, models, policy, findings),
      ...timeoutOf(models, policy, findings),
      ...(policy.cacheSeconds === undefined ? {} : { cache: { ttl_seconds: policy.cacheSeconds } }),
    };
    const line = models[0]?.step.line ?? 1;
    return isPlain(definition) ? [] : [{ kind: "route", name: group, line, definition }];
  });
}

/** What a model does without a route: its only deployment is asked. */
function isPlain({ tiers, ...rest }: RouteDefinition): boolean {
  const [first, ...others] = tiers;
  return Object.keys(rest).length === 0 && others.length === 0 && first?.targets.length === 1;
}

type AliasBook = ReadonlyMap<string, string>;

function readAliases(groups: Groups, { aliases }: Policy, findings: Findings): AliasBook {
  const book = new Map<string, string>();
  for (const { name, group, setting } of aliases) {
    const count = [...book.values()].filter((one) => one === group).length;
    if (!groups.has(group)) findings.refuse(setting, `no model '${group}' was taken`);
    else if (groups.has(name))
      findings.refuse(setting, `'${name}' is a model of its own in model_list`);
    else if (!ModelName.safeParse(name).success)
      findings.refuse(setting, `'${name}' can be no name of a model here`);
    else if (count >= ALIASES_MAX)
      findings.refuse(setting, `a route has at most ${ALIASES_MAX} aliases`);
    else {
      book.set(name, group);
      findings.take(setting, `'${name}' calls the route ${group}`);
    }
  }
  return book;
}

function aliasesOf(group: string, aliases: AliasBook): { aliases?: string[] } {
  const names = [...aliases].filter(([, of]) => of === group).map(([name]) => name);
  return names.length === 0 ? {} : { aliases: names };
}

type Next = ReadonlyMap<string, readonly string[]>;

/** Whom each group is followed by: its own fallbacks, else those of all. */
function nextOf(groups: Groups, policy: Policy, aliases: AliasBook, findings: Findings): Next {
  const own = knownOnly(policy.fallbacks, groups, aliases, findings);
  const all = knownOnly(policy.defaultFallbacks, groups, aliases, findings);
  const general = [...own, ...all].filter(({ from }) => from === "*").map(({ to }) => to);
  return new Map(
    [...groups.keys()].map((group) => {
      const said = own.filter(({ from }) => from === group).map(({ to }) => to);
      return [group, said.length > 0 ? said : general];
    }),
  );
}

/** With aliases resolved; what names a model that was not taken is refused. */
function knownOnly(
  fallbacks: readonly Fallback[],
  groups: Groups,
  aliases: AliasBook,
  findings: Findings,
): Fallback[] {
  return fallbacks.flatMap(({ setting, ...names }) => {
    const from = aliases.get(names.from) ?? names.from;
    const to = aliases.get(names.to) ?? names.to;
    const stranger = [from, to].find((name) => name !== "*" && !groups.has(name));
    if (stranger !== undefined) {
      findings.refuse(setting, `no model '${stranger}' was taken`);
      return [];
    }
    findings.take(
      setting,
      from === "*" ? `a tier of every route, ${to}` : `a tier of the route ${from}, ${to}`,
    );
    return [{ setting, from, to }];
  });
}

/** Fallbacks of fallbacks, in the order in which LiteLLM would reach them. */
function reachable(group: string, next: Next, depth: number): string[] {
  const seen = new Set([group]);
  const walk = (from: string, left: number): string[] =>
    left === 0
      ? []
      : (next.get(from) ?? []).flatMap((to) => {
          if (seen.has(to)) return [];
          seen.add(to);
          return [to, ...walk(to, left - 1)];
        });
  return walk(group, depth);
}

function contextTiers(
  group: string,
  models: readonly PlannedModel[],
  fallbacks: readonly Fallback[],
  groups: Groups,
  policy: Policy,
  findings: Findings,
): Tier[] {
  const own = fallbacks.filter(({ from }) => from === group);
  const contexts = models.map(({ step }) => step.facts.context_tokens);
  const known = contexts.filter((context) => context !== undefined && context !== null);
  if (own.length > 0 && known.length < contexts.length) {
    for (const { setting } of own) {
      findings.refuse(
        setting,
        `how long inputs of ${group} may be is not said: give it max_input_tokens in model_info, and run this again`,
      );
    }
    return [];
  }
  const when = { input_tokens: { min: Math.min(...known) + 1 } };
  return own.flatMap(({ to }) =>
    planTiers(to, groups.get(to) ?? [], policy, findings).map((tier) => ({
      ...tier,
      name: `longer inputs: ${tier.name}`.slice(0, 60),
      when,
    })),
  );
}

/** A deployment is tried once; names of tiers are told apart. */
function distinct(tiers: readonly Tier[]): Tier[] {
  const tried = new Set<string>();
  const names = new Set<string>();
  return tiers.flatMap((tier) => {
    const sayTarget = ({ model, provider }: Tier["targets"][number]) => `${model} ${provider}`;
    const targets = tier.targets.filter((target) => !tried.has(sayTarget(target)));
    if (targets.length === 0) return [];
    if (tier.when === undefined) for (const target of targets) tried.add(sayTarget(target));
    let name = tier.name;
    for (let n = 2; names.has(name); n++) name = `${tier.name.slice(0, 56)} ${n}`;
    names.add(name);
    return [{ ...tier, name, targets }];
  });
}

function retryOf(
  group: string,
  models: readonly PlannedModel[],
  policy: Policy,
  findings: Findings,
): Pick<RouteDefinition, "retry"> {
  const all = deploymentsOf(models);
  const own = ["num_retries", "max_retries"].flatMap((name) =>
    all.flatMap(({ params }) => {
      const setting = fieldOf(params, name);
      const count = wholeOf(setting);
      if (count === undefined) return [];
      findings.take(setting, `candidates of ${group} are asked again`);
      return [count];
    }),
  );
  const candidates = models.reduce((sum, { units }) => sum + units.length, 0);
  const retries = own.length > 0 ? Math.max(...own) : policy.retries;
  const again: Again = {
    ...(retries === undefined ? {} : againFor(retries, candidates)),
    ...policy.again,
  };
  const backoff =
    policy.backoffMs === undefined ? {} : { backoff_ms: Math.min(policy.backoffMs, 60_000) };
  const hasAgain = Object.keys(again).length > 0;
  if (!hasAgain && policy.backoffMs === undefined) return {};
  return { retry: { ...(hasAgain ? { again } : {}), ...backoff } };
}

/** LiteLLM asks as often over all deployments together; here each candidate has its own number. */
function againFor(retries: number, candidates: number): Again {
  const times = Math.min(
    Math.max(Math.ceil((retries + 1) / Math.max(candidates, 1)) - 1, 0),
    AGAIN_MAX,
  );
  return { rate_limited: times, overloaded: times, timeout: times, upstream: times };
}

function timeoutOf(
  models: readonly PlannedModel[],
  policy: Policy,
  findings: Findings,
): { timeout_ms?: number } {
  const said = deploymentsOf(models).flatMap(
    ({ params }) =>
      takeSeconds(
        fieldOf(params, "timeout"),
        "the route's timeout until the first byte",
        findings,
      ) ?? [],
  );
  const timeout = said.length > 0 ? Math.max(...said) : policy.timeoutMs;
  return timeout === undefined ? {} : { timeout_ms: timeout };
}

const deploymentsOf = (models: readonly PlannedModel[]): readonly Deployment[] =>
  models.flatMap(({ units }) => units.flatMap(({ deployments }) => deployments));
