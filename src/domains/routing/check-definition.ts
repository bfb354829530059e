/** What a definition cannot mean, told before it is in force, with the field and what to do. Pure. */
import { Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import type {
  RouteCondition,
  RouteDefinition,
  RouteTarget,
  RouteTier,
  TimeWindow,
} from "./definition.ts";
import { isMeant } from "./residency.ts";
import { isTimeZone } from "./time-window.ts";

/** What is offered now, as far as a route can name it. */
export type Offer = {
  models: ReadonlyMap<string, { candidates: readonly OfferedDeployment[] }>;
  /** The names by which routes are called. */
  routes: ReadonlySet<string>;
};

type OfferedDeployment = {
  deploymentId: bigint;
  region: string | null;
  upstream: { readonly name: string };
};

/** @throws Failure for the first thing that is wrong, with `param` such as `tiers.0.targets.1.model`. */
export function assertMakesSense(name: string, definition: RouteDefinition, offer: Offer): void {
  const names = [name, ...(definition.aliases ?? [])];
  assertDistinct(names, "aliases", "calls the route already");
  assertDistinct(
    definition.tiers.map((tier) => tier.name),
    "tiers",
    "names two tiers; explanations could not tell them apart",
  );
  const { retry } = definition;
  if ((retry?.backoff_max_ms ?? Number.POSITIVE_INFINITY) < (retry?.backoff_ms ?? 0)) {
    throw wrong("retry.backoff_max_ms", "is below 'retry.backoff_ms'");
  }
  const taken = new Map<bigint, string>();
  definition.tiers.forEach((tier, index) => {
    const at = `tiers.${index}`;
    assertCondition(tier.when, `${at}.when`, names);
    assertWeights(tier, definition, at);
    const meant = tier.targets.map((target, position) => {
      assertCondition(target.when, `${at}.targets.${position}.when`, names);
      const isAlways = tier.when === undefined && target.when === undefined;
      return { isAlways, deployments: deploymentsOf(target, `${at}.targets.${position}`, offer) };
    });
    assertReachable(tier, at, meant, taken);
    for (const { deployments } of meant.filter(({ isAlways }) => isAlways)) {
      for (const { deploymentId } of deployments) taken.set(deploymentId, tier.name);
    }
  });
}

function assertDistinct(names: readonly string[], param: string, why: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrong(param, `'${twice}' ${why}`);
}

/** The deployments that a target means now: at least one. */
function deploymentsOf(target: RouteTarget, at: string, offer: Offer): OfferedDeployment[] {
  const model = offer.models.get(target.model);
  if (model === undefined) throw noSuchModel(target.model, `${at}.model`, offer);
  const meant = model.candidates.filter((deployment) => isMeant(target, deployment));
  if (meant.length > 0) return meant;
  const providers = [...new Set(model.candidates.map(({ upstream }) => upstream.name))];
  if (target.provider !== undefined && !providers.includes(target.provider)) {
    const hint = didYouMean(target.provider, providers);
    throw wrong(
      `${at}.provider`,
      `'${target.provider}' does not serve '${target.model}'.${hint || ` ${sayThese(providers, "serves", "serve")}`}`,
    );
  }
  if (target.region !== undefined) {
    const regions = [...new Set(model.candidates.map(({ region }) => region ?? "no known region"))];
    throw wrong(
      `${at}.region`,
      `no deployment of '${target.model}' is in '${target.region}'. ${sayThese(regions, "is where it runs", "are where it runs")}`,
    );
  }
  throw wrong(
    `${at}.model`,
    `nobody serves '${target.model}' now. Add a deployment with: baseload model deploy ${target.model} --provider …`,
  );
}

function noSuchModel(name: string, param: string, { models, routes }: Offer): Failure {
  if (routes.has(name)) {
    return wrong(
      param,
      `'${name}' is a route, and a route's targets are models, so that no route can lead to itself. Name the models of that route here`,
    );
  }
  return wrong(
    param,
    `there is no model '${name}'.${didYouMean(name, models.keys()) || " 'baseload model list' shows them."}`,
  );
}

function assertWeights(tier: RouteTier, definition: RouteDefinition, at: string): void {
  const strategy = tier.strategy ?? definition.strategy ?? "ordered";
  const position = tier.targets.findIndex(({ weight }) => weight !== undefined);
  if (strategy !== "weighted") {
    if (position === -1) return;
    throw wrong(
      `${at}.targets.${position}.weight`,
      `has no meaning under the strategy '${strategy}'. Leave it out, or set the tier's strategy to 'weighted'`,
    );
  }
  if (tier.targets.some(({ weight }) => weight !== 0)) return;
  throw wrong(
    `${at}.targets`,
    "all have weight 0, which means 'only after the others'. Give at least one a weight",
  );
}

/** A tier adds nothing where all its deployments stand further up already, whatever the call. */
function assertReachable(
  tier: RouteTier,
  at: string,
  meant: readonly { deployments: readonly OfferedDeployment[] }[],
  taken: ReadonlyMap<bigint, string>,
): void {
  const before = meant
    .flatMap(({ deployments }) => deployments)
    .map(({ deploymentId }) => taken.get(deploymentId));
  if (before.some((name) => name === undefined)) return;
  const names = [...new Set(before)].map((name) => `'${name}'`).join(" and ");
  throw wrong(
    at,
    `tier '${tier.name}' is never reached: ${names} tries everything that it names, without a condition. Remove it, or put it further up`,
  );
}

function assertCondition(
  condition: RouteCondition | undefined,
  at: string,
  names: readonly string[],
): void {
  if (condition === undefined) return;
  const { model, input_tokens, time } = condition;
  const stranger = listOf(model).find((name) => !names.includes(name));
  if (stranger !== undefined) {
    throw wrong(
      `${at}.model`,
      `nobody calls this route '${stranger}': 'model' is the name that the client called, ${names.map((name) => `'${name}'`).join(" or ")}. Add it to 'aliases'`,
    );
  }
  if (
    input_tokens !== undefined &&
    (input_tokens.min ?? 0) > (input_tokens.max ?? Number.POSITIVE_INFINITY)
  ) {
    throw wrong(`${at}.input_tokens`, "'min' is above 'max', so it never holds");
  }
  if (time !== undefined) assertWindow(time, `${at}.time`);
  if (condition.not !== undefined) assertCondition(condition.not, `${at}.not`, names);
  for (const part of ["all", "any"] as const) {
    for (const [index, one] of (condition[part] ?? []).entries()) {
      assertCondition(one, `${at}.${part}.${index}`, names);
    }
  }
}

function assertWindow(window: TimeWindow, at: string): void {
  if (window.zone !== undefined && !isTimeZone(window.zone)) {
    const hint = didYouMean(window.zone, Intl.supportedValuesOf("timeZone"));
    throw wrong(`${at}.zone`, `'${window.zone}' is no time zone such as 'Asia/Shanghai'.${hint}`);
  }
  if ((window.from ?? "00:00") === (window.to ?? "24:00")) {
    throw wrong(at, "ends when it begins, so it never holds");
  }
}

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

const sayThese = (names: readonly string[], one: string, many: string): string =>
  `${names.map((name) => `'${name}'`).join(", ")} ${names.length === 1 ? one : many}.`;

const wrong = (param: string, why: string): Failure =>
  new Failure("invalid", `'${param}': ${why}${/[.?]$/.test(why) ? "" : "."}`, {
    param,
    code: "invalid_route",
  });
