/** Calls, models and health for tests of plans: a call that could go anywhere, unless a test says otherwise. */
import type {
  DeploymentHealth,
  HealthView,
  RoutableDeployment,
  RoutableModel,
  RouteQuestion,
} from "../../src/domains/routing/index.ts";
import { picos } from "../../src/lib/money.ts";

export type TestDeployment = RoutableDeployment & { upstream: { name: string } };
export type TestModel = RoutableModel<TestDeployment>;

let lastDeploymentId = 0n;

/** @param at providers, as `name` or `name/region`. */
export function modelOf(
  name: string,
  at: readonly string[],
  facts: Partial<TestModel> = {},
): TestModel {
  return {
    name,
    contextTokens: null,
    capabilities: null,
    modalities: null,
    candidates: at.map((text) => {
      const [provider = text, region = null] = text.split("/");
      lastDeploymentId += 1n;
      return { deploymentId: lastDeploymentId, region, upstream: { name: provider } };
    }),
    ...facts,
  };
}

export const catalogOf = (...models: TestModel[]): Map<string, TestModel> =>
  new Map(models.map((model) => [model.name, model]));

const FREE = { uncached_input: picos(0n), output_text: picos(0n) };

export function questionOf(
  facts: Partial<RouteQuestion<TestModel>> = {},
): RouteQuestion<TestModel> {
  return {
    model: "m",
    operation: "chat",
    organization: "acme",
    organizationId: 1n,
    project: "chatbot",
    keyId: "liveabc",
    regions: null,
    metadata: {},
    task: undefined,
    isStream: false,
    inputTokensCounted: 100,
    inputTokensMax: 400,
    maxTokens: undefined,
    producesTokens: true,
    fixed: {},
    needs: { capabilities: [], modalities: [] },
    language: undefined,
    prefix: () => "You are a helpful assistant.",
    whyNot: () => undefined,
    priceOf: () => FREE,
    costOf: () => undefined,
    nowMs: Date.UTC(2026, 10, 22, 12, 0),
    chance: () => 0.5,
    ...facts,
  };
}

const WELL: DeploymentHealth = {
  circuit: "closed",
  openUntilMs: 0,
  inFlight: 0,
  firstTokenMs: undefined,
  answerMs: undefined,
  tokensPerSecond: undefined,
};

/** @param known by the name of the provider. */
export function healthOf(
  models: ReadonlyMap<string, TestModel>,
  known: Readonly<Record<string, Partial<DeploymentHealth>>> = {},
): HealthView {
  const byId = new Map(
    [...models.values()]
      .flatMap((model) => model.candidates)
      .flatMap(({ deploymentId, upstream }) => {
        const health = known[upstream.name];
        return health === undefined ? [] : [[deploymentId, { ...WELL, ...health }] as const];
      }),
  );
  return { of: (deploymentId) => byId.get(deploymentId) };
}
