/**
 * Deployments become providers. A key is used for those models only for which the configuration names it: deployments of
 * one model at one address with several keys are one provider with several credentials, and what has other keys is
 * another provider. Pure.
 */
import { ProviderName } from "../../../contract/fields.ts";
import type { CredentialStep, ProviderSettings, ProviderStep } from "../plan/steps.ts";
import type { Key } from "./connection.ts";
import type { Deployment } from "./read-deployment.ts";
import { type Weights, weighing } from "./weights.ts";

/** What the planner of routes sees: a model at a provider, with all keys that serve it there. */
export type Unit = {
  readonly line: number;
  readonly group: string;
  readonly identity: string;
  readonly order: number;
  readonly upstream: string;
  readonly provider: string;
  /** In the file's order; the first is asked for what only one can say. */
  readonly deployments: readonly Deployment[];
};

export type Settled = {
  readonly units: readonly Unit[];
  readonly providers: readonly ProviderStep[];
  readonly credentials: readonly CredentialStep[];
};

type Provider = {
  readonly name: string;
  readonly wanted: string;
  readonly line: number;
  readonly settings: ProviderSettings;
  readonly keys: readonly WeighedKey[];
};
type WeighedKey = { readonly key: Key; readonly weight: number | undefined };

export function settleProviders(deployments: readonly Deployment[]): Settled {
  const providers: Provider[] = [];
  const units = gather(deployments).map((gathered): Unit => {
    const [first] = gathered;
    const provider = findOrAdd(providers, gathered);
    return {
      line: first.line,
      group: first.group,
      identity: first.identity,
      order: first.order,
      upstream: first.connection.upstream,
      provider: provider.name,
      deployments: gathered,
    };
  });
  return {
    units,
    providers: providers.map(({ name, line, settings }) => ({
      kind: "provider",
      name,
      line,
      settings,
    })),
    credentials: providers.flatMap(toCredentials),
  };
}

type Gathered = readonly [Deployment, ...Deployment[]];

/** Those that differ in nothing but their key. */
function gather(deployments: readonly Deployment[]): Gathered[] {
  const byUnit = new Map<string, [Deployment, ...Deployment[]]>();
  for (const deployment of deployments) {
    const { group, identity, order, connection } = deployment;
    const unit = JSON.stringify([
      group,
      identity,
      order,
      connection.upstream,
      sayConnection(deployment),
    ]);
    const found = byUnit.get(unit);
    if (found === undefined) byUnit.set(unit, [deployment]);
    else found.push(deployment);
  }
  return [...byUnit.values()];
}

const sayConnection = ({ connection: { name, settings } }: Deployment): string =>
  JSON.stringify([name, settings]);

function findOrAdd(providers: Provider[], gathered: Gathered): Provider {
  const [first] = gathered;
  const keys = keysOf(gathered);
  const { name: wanted, settings } = first.connection;
  const found = providers.find(
    (provider) =>
      provider.wanted === wanted &&
      JSON.stringify(provider.settings) === JSON.stringify(settings) &&
      haveSameKeys(provider.keys, keys),
  );
  if (found !== undefined) return found;
  const name = freeName(
    wanted,
    providers.map((provider) => provider.name),
  );
  const added = { name, wanted, line: first.line, settings, keys };
  providers.push(added);
  return added;
}

function freeName(wanted: string, taken: readonly string[]): string {
  const base = wanted
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, "-")
    .replace(/^[^a-z0-9]+/, "");
  const name = ProviderName.safeParse(base).success ? base : "provider";
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name.slice(0, 58)}-${n}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

function keysOf(gathered: Gathered): WeighedKey[] {
  const by = weighing(gathered);
  const keys: { key: Key; weight: number | undefined }[] = [];
  gathered.forEach(({ connection: { key } }, i) => {
    if (key === undefined || keys.some((one) => one.key.secret.is(key.secret))) return;
    keys.push({ key, weight: by?.[i] });
  });
  return keys;
}

const haveSameKeys = (a: readonly WeighedKey[], b: readonly WeighedKey[]): boolean =>
  a.length === b.length &&
  a.every(({ key, weight }) =>
    b.some(
      (other) => other.key.secret.is(key.secret) && (a.length === 1 || other.weight === weight),
    ),
  );

/** As the control plane takes them. */
const WEIGHT_MAX = 1_000;

function toCredentials({ name, line, keys }: Provider): CredentialStep[] {
  const names: string[] = [];
  for (const [i, { key }] of keys.entries()) {
    names.push(freeName(key.variable ?? `key-${i + 1}`, names));
  }
  const weights = toWholeWeights(keys.map(({ weight }) => weight));
  return keys.map(({ key }, i) => ({
    ...{ kind: "credential", provider: name, name: names[i] ?? "", line, all: names },
    weight: weights?.[i],
    secret: key.secret,
  }));
}

/** Undefined where all weigh the same. */
function toWholeWeights(weights: Weights): readonly number[] | undefined {
  const said = weights.filter((weight) => weight !== undefined);
  const most = Math.max(...said, 0);
  if (said.length !== weights.length || most === 0 || new Set(said).size === 1) return undefined;
  const isWhole = said.every((weight) => Number.isInteger(weight)) && most <= WEIGHT_MAX;
  return isWhole ? said : said.map((weight) => Math.round((weight / most) * WEIGHT_MAX));
}
