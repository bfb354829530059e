/** The tiers of one group: its deployments by `order`, drawn as LiteLLM draws them. Pure. */
import type { RouteDefinition } from "../../../contract/route-definition.ts";
import { fieldOf } from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import type { Unit } from "../deployments/settle-providers.ts";
import { weighing } from "../deployments/weights.ts";
import type { PlannedModel } from "./plan-models.ts";
import type { Policy } from "./read-policy.ts";

export type Tier = RouteDefinition["tiers"][number];
type Member = { readonly model: string; readonly unit: Unit };

/** As the control plane takes them. */
const TARGETS_MAX = 32;
const WEIGHT_MAX = 1_000_000;

export function planTiers(
  group: string,
  models: readonly PlannedModel[],
  policy: Policy,
  findings: Findings,
): Tier[] {
  const members = models.flatMap(({ step, units }) =>
    units.map((unit) => ({ model: step.name, unit })),
  );
  const orders = [...new Set(members.map(({ unit }) => unit.order))].sort((a, b) => a - b);
  return orders.map((order, i) => {
    const tier = members.filter(({ unit }) => unit.order === order);
    return toTier(
      i === 0 ? group : `${group.slice(0, 50)}, order ${i + 1}`,
      tier,
      policy,
      findings,
    );
  });
}

function toTier(
  name: string,
  members: readonly Member[],
  { strategy }: Policy,
  findings: Findings,
): Tier {
  const isWeighted = strategy === "weighted";
  const targets = mergeTargets(members, isWeighted ? weightsOf(members) : undefined).slice(
    0,
    TARGETS_MAX,
  );
  noteWeights(members, isWeighted, findings);
  const isShared = targets.length > 1;
  const isZero = targets.every(({ weight }) => weight === 0);
  return {
    name: name.slice(0, 60),
    ...(isShared ? { strategy } : {}),
    // One alone is drawn anyway.
    targets: isShared && !isZero ? targets : targets.map(({ weight: _, ...target }) => target),
  };
}

/** Of each member; undefined: all alike. */
function weightsOf(members: readonly Member[]): number[] | undefined {
  const all = members.flatMap(({ unit }) => unit.deployments);
  const drawn = weighing(all);
  const weightOf = (unit: Unit): number =>
    unit.deployments.reduce((sum, one) => sum + (drawn?.[all.indexOf(one)] ?? 1), 0);
  const weights = members.map(({ unit }) => weightOf(unit));
  if (new Set(weights).size === 1) return undefined;
  const most = Math.max(...weights);
  const scale = most > WEIGHT_MAX ? WEIGHT_MAX / most : 1;
  return weights.map((weight) => weight * scale);
}

type Target = Tier["targets"][number];

/** One target means all deployments of a model at a provider. */
function mergeTargets(
  members: readonly Member[],
  weights: readonly number[] | undefined,
): Target[] {
  const targets: Target[] = [];
  members.forEach(({ model, unit: { provider } }, i) => {
    const weight = weights?.[i];
    const found = targets.find((one) => one.model === model && one.provider === provider);
    if (found === undefined) {
      targets.push({ model, provider, ...(weight === undefined ? {} : { weight }) });
    } else if (weight !== undefined) found.weight = (found.weight ?? 0) + weight;
  });
  return targets;
}

function noteWeights(members: readonly Member[], isWeighted: boolean, findings: Findings): void {
  for (const { params } of members.flatMap(({ unit }) => unit.deployments)) {
    const weight = fieldOf(params, "weight");
    if (isWeighted) findings.take(weight, "how often it is drawn");
    else findings.ignore(weight, "only simple-shuffle draws by weight");
  }
}
