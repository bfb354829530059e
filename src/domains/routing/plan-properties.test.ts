/** What holds for every plan, whatever the route, the catalog, the health and the call. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { catalogOf, healthOf, modelOf, questionOf } from "../../../test/support/routing.ts";
import { SeededRandom } from "../../../test/support/seeded-random.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import { type RouteCondition, type RouteDefinition, strategyNames } from "./definition.ts";
import { planRoute } from "./plan-route.ts";
import { toRoute } from "./route.ts";

const regions = ["eu", "eu-west-1", "EU", "europe", "cn", "cn-beijing", "us", "eu_west"] as const;
const providers = ["a", "b", "c", "d", "e"] as const;
const modelNames = ["m", "n", "o"] as const;

const condition: fc.Arbitrary<RouteCondition> = fc.letrec<{ one: RouteCondition }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 2 },
    fc.record({ task: fc.constantFrom("x", "y") }),
    fc.record({ language: fc.constantFrom("zh", "yue", "unknown") }),
    fc.record({ stream: fc.boolean() }),
    fc.record({ not: tie("one") }),
    fc.record({ any: fc.array(tie("one"), { minLength: 1, maxLength: 2 }) }),
    fc.record({ all: fc.array(tie("one"), { minLength: 1, maxLength: 2 }) }),
  ),
})).one;

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });

const definition: fc.Arbitrary<RouteDefinition> = fc.record({
  strategy: maybe(fc.constantFrom(...strategyNames)),
  tiers: fc.array(
    fc.record({
      name: fc.constantFrom("one", "two"),
      strategy: maybe(fc.constantFrom(...strategyNames)),
      when: maybe(condition),
      targets: fc.array(
        fc.record({
          model: fc.constantFrom(...modelNames, "gone"),
          provider: maybe(fc.constantFrom(...providers)),
          region: fc.option(fc.constantFrom(...regions), { nil: undefined, freq: 1 }),
          weight: maybe(fc.nat(5)),
          when: maybe(condition),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

const catalog = fc
  .tuple(
    ...modelNames.map((name) =>
      fc.record({
        name: fc.constant(name),
        at: fc.array(
          fc
            .tuple(fc.constantFrom(...providers), maybe(fc.constantFrom(...regions)))
            .map(([provider, region]) =>
              region === undefined ? provider : `${provider}/${region}`,
            ),
          { maxLength: 8 },
        ),
        facts: fc.record({
          contextTokens: fc.constantFrom(null, 50, 5_000),
          capabilities: fc.constantFrom(null, [], ["tools"]),
        }),
      }),
    ),
  )
  .map((models) => catalogOf(...models.map(({ name, at, facts }) => modelOf(name, at, facts))));

const health = fc.dictionary(
  fc.constantFrom(...providers),
  fc.record({
    circuit: fc.constantFrom("closed", "probe", "open"),
    openUntilMs: fc.nat(1_000),
    inFlight: fc.nat(20),
    firstTokenMs: maybe(fc.nat(1_000)),
    tokensPerSecond: maybe(fc.integer({ min: 1, max: 300 })),
  }),
);

const question = fc.record({
  model: fc.constantFrom(...modelNames, "gone"),
  regions: fc.option(
    fc.uniqueArray(fc.constantFrom("eu", "EU", "cn", "us-1", "eu-west-1"), { maxLength: 2 }),
  ),
  task: maybe(fc.constantFrom("x", "y")),
  language: maybe(fc.constantFrom("zh", "yue")),
  isStream: fc.boolean(),
  inputTokensCounted: fc.nat(6_000),
  needs: fc.record({ capabilities: fc.constantFrom([], ["tools"]), modalities: fc.constant([]) }),
  unpriced: fc.constantFrom(...modelNames, undefined),
  cannot: fc.constantFrom(...providers, undefined),
  seed: fc.nat(),
});

const world = fc
  .record({ route: maybe(definition), models: catalog, known: health, asked: question })
  .map(({ route, models, known, asked }) => {
    const { seed, unpriced, cannot, ...facts } = asked;
    const free = questionOf().priceOf;
    const plan = () => {
      const random = new SeededRandom(seed);
      const full = questionOf({
        ...facts,
        whyNot: ({ upstream }) => (upstream.name === cannot ? "it cannot" : undefined),
        priceOf: (model) => (model.name === unpriced ? undefined : free(model)),
        chance: () => random.next(),
      });
      return planRoute(
        route && toRoute(facts.model, 1, route),
        models,
        full,
        healthOf(models, known),
      );
    };
    return {
      plan,
      route,
      models,
      known,
      asked,
      [fc.toStringMethod]: () => JSON.stringify({ route, known, asked }),
    };
  });

const RUNS = { numRuns: 1_000 };

/** Written without the code under test. */
function isAllowed(bound: readonly string[] | null, region: string | null): boolean {
  if (bound === null) return true;
  return bound.some((one) => new RegExp(`^${one}(-.*)?$`, "i").test(region ?? ""));
}

describe("whatever the route, the catalog, the health and the call", () => {
  test("no candidate lies outside of the organization's regions", () => {
    let bound = 0;
    fc.assert(
      fc.property(world, ({ plan, asked }) => {
        for (const { deployment } of plan().candidates) {
          if (asked.regions !== null) bound += 1;
          expect(isAllowed(asked.regions, deployment.region)).toBe(true);
        }
      }),
      RUNS,
    );
    // A property that never saw a bound organization's candidate has shown nothing.
    expect(bound).toBeGreaterThan(100);
  });

  test("no candidate is unpriced, unable, or one that cannot be put the question", () => {
    fc.assert(
      fc.property(world, ({ plan, asked }) => {
        for (const { model, deployment } of plan().candidates) {
          expect(model.name).not.toBe(asked.unpriced as string);
          expect(deployment.upstream.name).not.toBe(asked.cannot as string);
          const needs = asked.needs.capabilities;
          expect(needs.every((one) => model.capabilities?.includes(one) ?? true)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  test("a plan names a deployment once, and has at most as many candidates as a call has attempts", () => {
    fc.assert(
      fc.property(world, ({ plan }) => {
        const ids = plan().candidates.map(({ deployment }) => deployment.deploymentId);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length).toBeLessThanOrEqual(ATTEMPTS_MAX);
      }),
      RUNS,
    );
  });

  test("whose circuit is open stands behind all others, and is not dropped", () => {
    fc.assert(
      fc.property(world, ({ plan, known }) => {
        const isOpen = (name: string) =>
          Object.hasOwn(known, name) && known[name]?.circuit === "open";
        const { candidates, leftOut } = plan();
        if (leftOut.some(({ reason }) => reason === "too_many" || reason === "context")) return;
        const opens = candidates.map(({ deployment }) => isOpen(deployment.upstream.name));
        expect(opens).toEqual(opens.toSorted());
        expect(candidates.map(({ isLastResort }) => isLastResort)).toEqual(opens);
      }),
      RUNS,
    );
  });

  test("health changes the order of a plan, never who is in it", () => {
    fc.assert(
      fc.property(world, ({ plan, known }) => {
        const before = plan();
        if (before.leftOut.some(({ reason }) => reason === "too_many")) return;
        const ids = (found: typeof before) =>
          found.candidates.map(({ deployment }) => deployment.deploymentId).sort();
        for (const name of Object.keys(known)) delete known[name];
        expect(ids(plan())).toEqual(ids(before));
      }),
      RUNS,
    );
  });

  test("the same chance gives the same plan", () => {
    fc.assert(
      fc.property(world, ({ plan }) => expect(plan()).toEqual(plan())),
      RUNS,
    );
  });

  test("every deployment that a route names is in the plan, or left out with a reason", () => {
    fc.assert(
      fc.property(world, ({ plan, models, route }) => {
        const { candidates, leftOut } = plan();
        // What is too long for every context is asked all the same, and said to be left out too.
        if (route === undefined || leftOut.some(({ reason }) => reason === "context")) return;
        const named = route.tiers.flatMap(({ targets }) =>
          targets.map(({ model, provider, region }) => {
            const bound = region === undefined ? null : [region];
            const served = (models.get(model)?.candidates ?? []).filter((one) =>
              isAllowed(bound, one.region),
            );
            const at = served.filter(
              ({ upstream }) => upstream.name === (provider ?? upstream.name),
            );
            return Math.max(at.length, 1);
          }),
        );
        const sum = named.reduce((total, count) => total + count, 0);
        expect(candidates.length + leftOut.length).toBe(sum);
      }),
      RUNS,
    );
  });
});
