/**
 * Which deployments may answer a call, in which order, and why. Pure: the time, chance and health are arguments.
 *
 * First the hard filters, each with its own words: can it be put the question at all, is it where the organization's
 * calls may go, do the conditions hold, is the model able, is its context long enough, has it a price. Then those whose
 * circuit is open step behind all others. Then the strategy orders each tier.
 */
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import { mismatch } from "./conditions.ts";
import type { RouteTarget } from "./definition.ts";
import type { HealthView } from "./health-view.ts";
import { type Member, orderBy } from "./order-tier.ts";
import type { LeftOut, LeftOutReason, RouteCandidate, RoutePlan } from "./plan.ts";
import type { DeploymentOf, RoutableModel, RouteQuestion } from "./question.ts";
import { isMeant, toResident } from "./residency.ts";
import { DEFAULT_POLICY, type Route } from "./route.ts";

const NOTHING: readonly never[] = [];

/** @param route undefined: the model's own deployments, in their order. */
export function planRoute<M extends RoutableModel>(
  route: Route | undefined,
  models: ReadonlyMap<string, M>,
  question: RouteQuestion<M>,
  health: HealthView,
): RoutePlan<M> {
  if (route === undefined) {
    const only = planOnly(models.get(question.model), question, health);
    if (only !== undefined) return only;
  }
  return new Planner(route ?? implicitRoute(question.model), models, question, health).plan();
}

/** The common case: a model with one deployment that is well. Nothing is made but the plan itself. */
function planOnly<M extends RoutableModel>(
  model: M | undefined,
  question: RouteQuestion<M>,
  health: HealthView,
): RoutePlan<M> | undefined {
  const deployment = model?.candidates[0];
  if (model === undefined || deployment === undefined || model.candidates.length > 1) {
    return undefined;
  }
  if (question.whyNot(deployment) !== undefined) return undefined;
  const resident = toResident<DeploymentOf<M>>(question.regions, deployment);
  if (resident === undefined || whyUnable(model, question) !== undefined) return undefined;
  if (health.of(deployment.deploymentId)?.circuit === "open") return undefined;
  return {
    candidates: [
      { model, deployment: resident, tier: IMPLICIT, why: "the only one", isLastResort: false },
    ],
    leftOut: NOTHING,
    policy: DEFAULT_POLICY,
  };
}

/** The name of the one tier of a model without a route of its own. */
const IMPLICIT = "deployments";

const implicitRoute = (model: string): Route => ({
  name: model,
  version: 0,
  tiers: [{ name: IMPLICIT, strategy: "ordered", targets: [{ model }] }],
  asksLanguage: false,
  policy: DEFAULT_POLICY,
});

type WhyOut = { reason: LeftOutReason; why: string };

type Resting<M extends RoutableModel> = { candidate: RouteCandidate<M>; openUntilMs: number };

class Planner<M extends RoutableModel> {
  readonly #route: Route;
  readonly #models: ReadonlyMap<string, M>;
  readonly #question: RouteQuestion<M>;
  readonly #health: HealthView;
  readonly #candidates: RouteCandidate<M>[] = [];
  readonly #resting: Resting<M>[] = [];
  /** Too long for their context by our count, which may be wrong: better than nothing, and no worse. */
  readonly #tooShort: RouteCandidate<M>[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #seen = new Set<bigint>();

  constructor(
    route: Route,
    models: ReadonlyMap<string, M>,
    question: RouteQuestion<M>,
    health: HealthView,
  ) {
    this.#route = route;
    this.#models = models;
    this.#question = question;
    this.#health = health;
  }

  plan(): RoutePlan<M> {
    for (const tier of this.#route.tiers) this.#addTier(tier);
    const resting = this.#resting.sort((a, b) => a.openUntilMs - b.openUntilMs);
    const able = [...this.#candidates, ...resting.map(({ candidate }) => candidate)];
    const all = able.length > 0 ? able : this.#tooShort;
    for (const { tier, model, deployment } of all.slice(ATTEMPTS_MAX)) {
      const why = `a call has at most ${ATTEMPTS_MAX} attempts`;
      this.#leaveOut(tier, sayTarget(model.name, deployment.upstream.name), {
        reason: "too_many",
        why,
      });
    }
    return {
      candidates: all.slice(0, ATTEMPTS_MAX),
      leftOut: this.#leftOut,
      policy: this.#route.policy,
    };
  }

  #addTier(tier: Route["tiers"][number]): void {
    const whyNotTier = mismatch(tier.when, this.#question);
    const members = tier.targets.flatMap((target, index) =>
      this.#membersOf({ tier: tier.name, whyNotTier, target, index }),
    );
    for (const { member, why } of orderBy[tier.strategy](members, this.#question)) {
      const { model, deployment } = member;
      this.#candidates.push({ model, deployment, tier: tier.name, why, isLastResort: false });
    }
  }

  #membersOf(at: {
    tier: string;
    whyNotTier: string | undefined;
    target: RouteTarget;
    index: number;
  }): Member<M>[] {
    const { tier, target } = at;
    const model = this.#models.get(target.model);
    const served = model?.candidates.filter((deployment) => isMeant(target, deployment));
    if (model === undefined || served === undefined || served.length === 0) {
      const why = model === undefined ? "there is no such model" : "nobody serves it now";
      this.#leaveOut(tier, sayTarget(target.model, target.provider ?? target.region), {
        reason: "unknown_model",
        why,
      });
      return [];
    }
    const whyNot = at.whyNotTier ?? mismatch(target.when, this.#question);
    return served.flatMap((deployment) => {
      const member = this.#memberOf({ tier, target, index: at.index, whyNot, model, deployment });
      return member === undefined ? [] : [member];
    });
  }

  #memberOf(at: {
    tier: string;
    target: RouteTarget;
    index: number;
    whyNot: string | undefined;
    model: M;
    deployment: DeploymentOf<M>;
  }): Member<M> | undefined {
    const { tier, model, deployment } = at;
    const question = this.#question;
    const name = sayTarget(model.name, deployment.upstream.name);
    const cannot = question.whyNot(deployment);
    if (cannot !== undefined)
      return this.#leaveOut(tier, name, { reason: "operation", why: cannot });
    const resident = toResident(question.regions, deployment);
    if (resident === undefined) {
      return this.#leaveOut(tier, name, {
        reason: "residency",
        why: sayAway(question, deployment),
      });
    }
    if (at.whyNot !== undefined) {
      return this.#leaveOut(tier, name, { reason: "condition", why: at.whyNot });
    }
    if (this.#seen.has(deployment.deploymentId)) {
      return this.#leaveOut(tier, name, { reason: "repeated", why: "it stands further up" });
    }
    this.#seen.add(deployment.deploymentId);
    const out = whyUnable(model, question);
    if (out?.reason === "context") {
      const why = `${out.why}; asked because nothing else is left`;
      this.#tooShort.push({ model, deployment: resident, tier, why, isLastResort: false });
    }
    if (out !== undefined) return this.#leaveOut(tier, name, out);
    const health = this.#health.of(deployment.deploymentId);
    if (health?.circuit !== "open") {
      return {
        model,
        deployment: resident,
        target: at.index,
        weight: at.target.weight ?? 1,
        health,
      };
    }
    const why = `failed too often of late; rests until ${sayTime(health.openUntilMs)}`;
    const candidate = { model, deployment: resident, tier, why, isLastResort: true };
    this.#resting.push({ candidate, openUntilMs: health.openUntilMs });
    return undefined;
  }

  #leaveOut(tier: string, target: string, out: WhyOut): undefined {
    this.#leftOut.push({ tier, target, reason: out.reason, why: out.why });
  }
}

function whyUnable<M extends RoutableModel>(
  model: M,
  question: RouteQuestion<M>,
): WhyOut | undefined {
  const { needs, inputTokensCounted, contexts = 1 } = question;
  const capability = firstMissing(model.capabilities, needs.capabilities);
  if (capability !== undefined) {
    return { reason: "capability", why: `the model cannot do '${capability}'` };
  }
  const modality = firstMissing(model.modalities, needs.modalities);
  if (modality !== undefined) {
    return { reason: "modality", why: `the model cannot read '${modality}'` };
  }
  // Without a price nothing is asked, however short its context: this one comes first, because it is final.
  if (question.priceOf(model) === undefined) {
    const why = question.whyNoPrice?.(model) ?? "the model has no price";
    return { reason: "price", why };
  }
  if (model.contextTokens !== null && inputTokensCounted > model.contextTokens * contexts) {
    const why = `about ${inputTokensCounted} tokens do not fit into ${model.contextTokens}`;
    return { reason: "context", why };
  }
  return undefined;
}

function firstMissing(has: readonly string[] | null, needs: readonly string[]): string | undefined {
  return has === null ? undefined : needs.find((one) => !has.includes(one));
}

const sayTarget = (model: string, provider: string | undefined): string =>
  provider === undefined ? model : `${model} at ${provider}`;

function sayAway(question: RouteQuestion, { region }: { region: string | null }): string {
  const bound = `'${question.organization}' is bound to ${question.regions?.join(", ")}`;
  return region === null
    ? `nobody has said where it runs, and ${bound}`
    : `it runs in '${region}', and ${bound}`;
}

const sayTime = (ms: number): string => new Date(ms).toISOString();
