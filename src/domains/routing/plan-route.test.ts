import { describe, expect, test } from "bun:test";
import {
  catalogOf,
  healthOf,
  modelOf,
  questionOf,
  type TestModel,
} from "../../../test/support/routing.ts";
import { SeededRandom } from "../../../test/support/seeded-random.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import { picos } from "../../lib/money.ts";
import type { RouteDefinition } from "./definition.ts";
import type { DeploymentHealth } from "./health-view.ts";
import { planRoute } from "./plan-route.ts";
import type { RouteQuestion } from "./question.ts";
import { toRoute } from "./route.ts";

type Asked = {
  definition?: RouteDefinition;
  models: ReadonlyMap<string, TestModel>;
  question?: Partial<RouteQuestion<TestModel>>;
  health?: Readonly<Record<string, Partial<DeploymentHealth>>>;
};

function plan({ definition, models, question, health }: Asked) {
  const route = definition && toRoute("m", 1, definition);
  return planRoute(route, models, questionOf(question), healthOf(models, health));
}

const namesOf = ({ candidates }: ReturnType<typeof plan>) =>
  candidates.map(({ model, deployment }) => `${model.name} at ${deployment.upstream.name}`);
const providersOf = ({ candidates }: ReturnType<typeof plan>) =>
  candidates.map(({ deployment }) => deployment.upstream.name);

describe("a model without a route of its own", () => {
  test("is tried at its deployments, in their order", () => {
    const models = catalogOf(modelOf("m", ["a", "b", "c"]));

    expect(providersOf(plan({ models }))).toEqual(["a", "b", "c"]);
  });

  test("with one deployment has the same plan as with one tier of one target", () => {
    const models = catalogOf(modelOf("m", ["a/eu"]));
    const written = plan({
      models,
      definition: { tiers: [{ name: "t", targets: [{ model: "m" }] }] },
    });

    const implicit = plan({ models });

    expect(namesOf(implicit)).toEqual(namesOf(written));
    expect(implicit.policy).toEqual(written.policy);
    expect(implicit.leftOut).toEqual([]);
  });

  test("that nobody serves has an empty plan that says so", () => {
    const empty = plan({ models: catalogOf(modelOf("m", [])) });

    expect(empty.candidates).toEqual([]);
    expect(empty.leftOut).toMatchObject([{ reason: "unknown_model", why: "nobody serves it now" }]);
  });
});

describe("tiers", () => {
  const models = catalogOf(
    modelOf("big", ["a", "b"]),
    modelOf("small", ["b"]),
    modelOf("local", ["r"]),
  );

  test("are tried one after the other; a target names a model at all its providers, or at one", () => {
    const tiers = [
      { name: "first", targets: [{ model: "big", provider: "b" }] },
      { name: "second", targets: [{ model: "small" }, { model: "big" }] },
      { name: "last", targets: [{ model: "local" }] },
    ];

    const found = plan({ models, definition: { tiers } });

    expect(namesOf(found)).toEqual(["big at b", "small at b", "big at a", "local at r"]);
    expect(found.candidates.map(({ tier }) => tier)).toEqual(["first", "second", "second", "last"]);
    expect(found.leftOut).toMatchObject([{ target: "big at b", reason: "repeated" }]);
  });

  test("of a model that is gone leave the others as they are", () => {
    const tiers = [{ name: "t", targets: [{ model: "gone" }, { model: "small" }] }];

    const found = plan({ models, definition: { tiers } });

    expect(namesOf(found)).toEqual(["small at b"]);
    expect(found.leftOut).toMatchObject([{ target: "gone", reason: "unknown_model" }]);
  });

  test("and targets come in only where their conditions hold", () => {
    const definition: RouteDefinition = {
      tiers: [
        { name: "cantonese", when: { language: "yue" }, targets: [{ model: "local" }] },
        { name: "rest", targets: [{ model: "big", when: { task: "review" } }, { model: "small" }] },
      ],
    };

    const cantonese = plan({ models, definition, question: { language: "yue", task: "review" } });
    const other = plan({ models, definition, question: { language: "de" } });

    expect(namesOf(cantonese)).toEqual(["local at r", "big at a", "big at b", "small at b"]);
    expect(namesOf(other)).toEqual(["small at b"]);
    expect(other.leftOut.map(({ why }) => why)).toEqual([
      "the language is 'de', not 'yue'",
      "the task is not given, not 'review'",
      "the task is not given, not 'review'",
    ]);
  });
});

describe("hard filters, each with its own words", () => {
  const filters: readonly [
    reason: string,
    model: TestModel,
    question: Partial<RouteQuestion<TestModel>>,
    why: string,
  ][] = [
    [
      "operation",
      modelOf("m", ["a"]),
      { whyNot: () => "it has no embeddings" },
      "it has no embeddings",
    ],
    [
      "residency",
      modelOf("m", ["a/us-east"]),
      { regions: ["eu"] },
      "it runs in 'us-east', and 'acme' is bound to eu",
    ],
    [
      "residency",
      modelOf("m", ["a"]),
      { regions: ["eu"] },
      "nobody has said where it runs, and 'acme' is bound to eu",
    ],
    [
      "capability",
      modelOf("m", ["a"], { capabilities: ["reasoning"] }),
      { needs: { capabilities: ["tools"], modalities: [] } },
      "the model cannot do 'tools'",
    ],
    [
      "modality",
      modelOf("m", ["a"], { modalities: [] }),
      { needs: { capabilities: [], modalities: ["image"] } },
      "the model cannot read 'image'",
    ],
    ["price", modelOf("m", ["a"]), { priceOf: () => undefined }, "the model has no price"],
  ];
  for (const [reason, model, question, why] of filters) {
    test(`${reason}: ${why}`, () => {
      const found = plan({ models: catalogOf(model), question });

      expect(found.candidates).toEqual([]);
      expect(found.leftOut).toMatchObject([{ target: "m at a", reason, why }]);
    });
  }

  test("a model that nobody has described counts as able", () => {
    const needs = { capabilities: ["tools"], modalities: ["image"] };

    expect(
      providersOf(plan({ models: catalogOf(modelOf("m", ["a"])), question: { needs } })),
    ).toEqual(["a"]);
  });

  test("a context that is too short by our count is asked only when nothing else is left", () => {
    const models = catalogOf(
      modelOf("short", ["a"], { contextTokens: 50 }),
      modelOf("long", ["b"], { contextTokens: 5_000 }),
    );
    const tier = (...names: string[]): RouteDefinition => ({
      tiers: [{ name: "t", targets: names.map((model) => ({ model })) }],
    });

    expect(namesOf(plan({ models, definition: tier("short", "long") }))).toEqual(["long at b"]);
    expect(namesOf(plan({ models, definition: tier("short") }))).toEqual(["short at a"]);
  });
});

describe("an open circuit", () => {
  const models = catalogOf(modelOf("m", ["a", "b"]), modelOf("n", ["c"]));
  const definition: RouteDefinition = {
    tiers: [
      { name: "one", targets: [{ model: "m" }] },
      { name: "two", targets: [{ model: "n" }] },
    ],
  };

  test("puts a candidate behind those of all other tiers; the one that may be tried soonest comes first", () => {
    const found = plan({
      models,
      definition,
      health: {
        a: { circuit: "open", openUntilMs: 2_000 },
        b: { circuit: "open", openUntilMs: 1_000 },
      },
    });

    expect(providersOf(found)).toEqual(["c", "b", "a"]);
    expect(found.candidates.map(({ isLastResort }) => isLastResort)).toEqual([false, true, true]);
  });

  test("never empties a plan", () => {
    const open = { circuit: "open", openUntilMs: 1_000 } as const;

    expect(providersOf(plan({ models, health: { a: open, b: open } }))).toEqual(["a", "b"]);
    expect(
      providersOf(plan({ models: catalogOf(modelOf("m", ["a"])), health: { a: open } })),
    ).toEqual(["a"]);
  });

  test("that may be probed keeps its place: this call finds out", () => {
    expect(providersOf(plan({ models, health: { a: { circuit: "probe" } } }))).toEqual(["a", "b"]);
  });
});

describe("strategies", () => {
  const models = catalogOf(modelOf("m", ["a"]), modelOf("n", ["b"]), modelOf("o", ["c"]));
  const targets = [{ model: "m" }, { model: "n" }, { model: "o" }];
  const route = (
    strategy: RouteDefinition["strategy"],
    weights: number[] = [],
  ): RouteDefinition => ({
    strategy,
    tiers: [
      { name: "t", targets: targets.map((target, i) => ({ ...target, weight: weights[i] })) },
    ],
  });
  const firsts = (asked: Omit<Asked, "models">, times = 4_000) => {
    const random = new SeededRandom(7);
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < times; i++) {
      const question = { ...asked.question, chance: () => random.next() };
      const [first = "none"] = providersOf(plan({ ...asked, models, question }));
      counts[first] = (counts[first] ?? 0) + 1 / times;
    }
    return counts;
  };

  test("weighted: shares follow the weights, and weight 0 is a fallback only", () => {
    const shares = firsts({ definition: route("weighted", [3, 1, 0]) });

    expect(shares["a"]).toBeCloseTo(0.75, 1);
    expect(shares["b"]).toBeCloseTo(0.25, 1);
    expect(shares["c"]).toBe(0);
    expect(plan({ models, definition: route("weighted", [3, 1, 0]) }).candidates).toHaveLength(3);
  });

  test("weighted: who is out gives its share to the others, in their proportion", () => {
    const shares = firsts({
      definition: route("weighted", [8, 3, 1]),
      health: { a: { circuit: "open", openUntilMs: 1 } },
    });

    expect(shares["b"]).toBeCloseTo(0.75, 1);
    expect(shares["c"]).toBeCloseTo(0.25, 1);
  });

  test("lowest latency: the quickest to its first token when streaming, others at a bounded rate", () => {
    const shares = firsts({
      definition: route("lowest-latency"),
      question: { isStream: true },
      health: { a: { firstTokenMs: 900 }, b: { firstTokenMs: 200 } },
    });

    expect(shares["b"]).toBeGreaterThan(0.93);
    // c has not been measured: it is asked first to find out. a is known to be slow.
    expect(shares["c"]).toBeGreaterThan(0.03);
    expect(shares["a"]).toBe(0);
  });

  test("lowest latency: whole answers go where tokens come fastest", () => {
    const found = plan({
      models,
      definition: route("lowest-latency"),
      health: {
        a: { firstTokenMs: 50, tokensPerSecond: 20, answerMs: 100 },
        b: { firstTokenMs: 400, tokensPerSecond: 200, answerMs: 9_000 },
        c: { answerMs: 60_000 },
      },
    });

    expect(providersOf(found)).toEqual(["b", "a", "c"]);
  });

  test("lowest latency: nothing is known yet, so all are asked alike", () => {
    const shares = firsts({ definition: route("lowest-latency") });

    for (const provider of ["a", "b", "c"]) expect(shares[provider]).toBeCloseTo(1 / 3, 1);
  });

  const prices = {
    // Cheap to read, dear to write.
    m: { uncached_input: picos(1n), output_text: picos(100n) },
    n: { uncached_input: picos(10n), output_text: picos(10n) },
    o: { uncached_input: picos(50n), output_text: picos(50n) },
  } as const;
  const priceOf = (model: TestModel) => prices[model.name as keyof typeof prices];

  test("lowest cost: of this call, not of a mean one", () => {
    const definition = route("lowest-cost");
    const long = plan({ models, definition, question: { priceOf, inputTokensCounted: 90_000 } });
    const short = plan({ models, definition, question: { priceOf, inputTokensCounted: 10 } });
    const brief = plan({
      models,
      definition,
      question: { priceOf, inputTokensCounted: 1_000, maxTokens: 5 },
    });

    expect(providersOf(long)).toEqual(["a", "b", "c"]);
    expect(providersOf(short)).toEqual(["b", "c", "a"]);
    expect(providersOf(brief)).toEqual(["a", "b", "c"]);
  });

  test("lowest cost: what a provider charges us counts before what the customer pays", () => {
    const costOf = (model: TestModel) =>
      model.name === "o" ? { uncached_input: picos(1n), output_text: picos(1n) } : undefined;

    const found = plan({
      models,
      definition: route("lowest-cost"),
      question: { priceOf, costOf },
    });

    expect(providersOf(found)[0]).toBe("c");
    expect(found.candidates[0]?.why).toBe("costs about $0.0000000006");
  });

  test("least busy: the less busy of two", () => {
    const health = { a: { inFlight: 9 }, b: { inFlight: 1 }, c: { inFlight: 5 } };
    const shares = firsts({ definition: route("least-busy"), health });

    expect(shares["a"]).toBe(0);
    expect(shares["b"]).toBeCloseTo(2 / 3, 1);
    expect(shares["c"]).toBeCloseTo(1 / 3, 1);
  });

  test("prefix affinity: prompts that begin alike go to the same place, others spread", () => {
    const definition = route("prefix-affinity");
    const placeOf = (prompt: string, organizationId = 1n) =>
      providersOf(
        plan({ models, definition, question: { prefix: () => prompt, organizationId } }),
      )[0];
    const prompts = Array.from({ length: 300 }, (_, i) => `You are assistant number ${i}.`);

    const spread = Map.groupBy(prompts, (prompt) => placeOf(prompt));

    expect(prompts.map((prompt) => placeOf(prompt))).toEqual(
      prompts.map((prompt) => placeOf(prompt)),
    );
    for (const provider of ["a", "b", "c"]) {
      expect(spread.get(provider)?.length).toBeGreaterThan(60);
    }
    expect(prompts.some((prompt) => placeOf(prompt, 1n) !== placeOf(prompt, 2n))).toBe(true);
  });

  test("prefix affinity: only the prompts of a place that is out move, and nobody drowns in one prompt", () => {
    const definition = route("prefix-affinity");
    const prompts = Array.from({ length: 100 }, (_, i) => `Assistant ${i}`);
    const placeOf = (prompt: string, health: Asked["health"] = {}) =>
      providersOf(plan({ models, definition, health, question: { prefix: () => prompt } }))[0];

    const moved = prompts.filter(
      (prompt) => placeOf(prompt) !== placeOf(prompt, { b: { circuit: "open", openUntilMs: 1 } }),
    );

    expect(moved).toEqual(prompts.filter((prompt) => placeOf(prompt) === "b"));
    const busy = placeOf("Assistant 1") ?? "";
    expect(placeOf("Assistant 1", { [busy]: { inFlight: 10 } })).not.toBe(busy);
    // Even load: everybody stays.
    const even = { a: { inFlight: 10 }, b: { inFlight: 10 }, c: { inFlight: 10 } };
    expect(placeOf("Assistant 1", even)).toBe(busy);
  });
});

test("a plan has no more candidates than a call has attempts", () => {
  const models = catalogOf(
    modelOf(
      "m",
      Array.from({ length: 20 }, (_, i) => `p${i}`),
    ),
  );

  const found = plan({ models });

  expect(found.candidates).toHaveLength(ATTEMPTS_MAX);
  expect(found.leftOut.map(({ reason }) => reason)).toEqual(Array(4).fill("too_many"));
});
