/** The models of each group, their prices and their limits. Pure. */
import { fieldOf, numberOf, type Setting } from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import type { Deployment } from "../deployments/read-deployment.ts";
import type { Unit } from "../deployments/settle-providers.ts";
import type { LimitStep, ModelFacts, ModelStep, PricedDeployment } from "./steps.ts";

export type PlannedModel = {
  readonly step: ModelStep;
  readonly units: readonly Unit[];
};

/** By the name of the group; the first model of each bears it. */
export function planModels(units: readonly Unit[]): Map<string, PlannedModel[]> {
  const groups = new Map<string, Map<string, Unit[]>>();
  for (const unit of units) {
    const group = groups.get(unit.group) ?? new Map<string, Unit[]>();
    groups.set(unit.group, group);
    group.set(unit.identity, [...(group.get(unit.identity) ?? []), unit]);
  }
  const taken = new Set(groups.keys());
  return new Map(
    [...groups].map(([group, identities]) => [
      group,
      [...identities.values()].map((members, i) =>
        toModel(i === 0 ? group : nameBeside(group, members, taken), members),
      ),
    ]),
  );
}

/** As long as a model's name may be. */
const NAME_CHARS_MAX = 127;

/** `chat@claude-sonnet-4-5`: callers pay what the one that answers costs, so each has a price of its own. */
function nameBeside(group: string, members: readonly Unit[], taken: Set<string>): string {
  const upstream = members[0]?.upstream.replace(/^.*\//, "").replaceAll(/[^A-Za-z0-9._:-]/g, "-");
  for (let n = 1; ; n++) {
    const end = `@${upstream}${n === 1 ? "" : `-${n}`}`;
    const name =
      group.slice(0, Math.max(1, NAME_CHARS_MAX - end.length)) + end.slice(0, NAME_CHARS_MAX - 1);
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}

function toModel(name: string, units: readonly Unit[]): PlannedModel {
  const all = units.flatMap(({ deployments }) => deployments);
  const deployments: PricedDeployment[] = [];
  for (const { provider, upstream, deployments: same } of units) {
    const isThere = deployments.some(
      (one) => one.provider === provider && one.upstream === upstream,
    );
    const listedAs = same[0]?.listedAs;
    if (isThere) continue;
    deployments.push({ provider, upstream, ...(listedAs === undefined ? {} : { listedAs }) });
  }
  const step: ModelStep = {
    kind: "model",
    name,
    line: units[0]?.line ?? 1,
    deployments,
    facts: commonFacts(all),
    price: all[0]?.price,
  };
  return { step, units };
}

/** Where deployments differ, what all of them can do. */
function commonFacts(all: readonly Deployment[]): ModelFacts {
  const least = (name: "context_tokens" | "max_output_tokens") => {
    const said = all.flatMap(({ facts }) => facts[name] ?? []);
    return said.length === 0 ? {} : { [name]: Math.min(...said) };
  };
  const shared = (name: "capabilities" | "modalities") => {
    const said = all.flatMap(({ facts }) => (facts[name] === undefined ? [] : [facts[name]]));
    const [first, ...rest] = said;
    if (first === undefined) return {};
    return {
      [name]: first.filter((one) => rest.every((other) => (other as string[]).includes(one))),
    };
  };
  return {
    ...least("context_tokens"),
    ...least("max_output_tokens"),
    ...shared("capabilities"),
    ...shared("modalities"),
  };
}

const LIMITS = [
  ["rpm", "rpm"],
  ["tpm", "tpm"],
  ["max_parallel_requests", "concurrency"],
] as const;
/** As the control plane takes them. */
const LIMIT_MAX = 2_147_483_647;

/** A model has a limit where every deployment has one: their sum. */
export function planLimits({ step, units }: PlannedModel, findings: Findings): LimitStep[] {
  const all = units.flatMap(({ deployments }) => deployments);
  const limits: { rpm?: number; tpm?: number; concurrency?: number } = {};
  for (const [name, limit] of LIMITS) {
    const settings = all.map(({ params }) => fieldOf(params, name));
    const numbers = settings.map(numberOf);
    const sum = numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
    const isWhole = numbers.every((number) => number !== undefined) && Number.isSafeInteger(sum);
    if (isWhole && sum >= 1 && sum <= LIMIT_MAX) {
      limits[limit] = sum;
      for (const setting of settings)
        noteLimit(setting, `${limit} of ${step.name}, ${sum} in all`, findings);
    } else noteMissing(settings, findings);
  }
  return Object.keys(limits).length === 0
    ? []
    : [{ kind: "limit", model: step.name, line: step.line, limits }];
}

function noteLimit(setting: Setting | undefined, why: string, findings: Findings): void {
  findings.take(setting, why);
}

function noteMissing(settings: readonly (Setting | undefined)[], findings: Findings): void {
  for (const setting of settings) {
    if (setting === undefined || numberOf(setting) === undefined) continue;
    findings.refuse(
      setting,
      "a model has one limit here, and not all of its deployments name one: baseload limit set --model",
    );
  }
}
