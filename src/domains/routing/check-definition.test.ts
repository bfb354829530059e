import { describe, expect, test } from "bun:test";
import { catalogOf, modelOf } from "../../../test/support/routing.ts";
import { Failure } from "../../lib/errors.ts";
import { assertMakesSense } from "./check-definition.ts";
import type { RouteDefinition } from "./definition.ts";

const offer = {
  models: catalogOf(
    modelOf("qwen-max", ["alibaba/cn-beijing", "openrouter/us"]),
    modelOf("gpt-5", ["openai/us-east"]),
    modelOf("idle", []),
  ),
  routes: new Set(["default"]),
};

function check(definition: RouteDefinition): Failure | undefined {
  try {
    assertMakesSense("chat", definition, offer);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

const tier = (name: string, ...targets: RouteDefinition["tiers"][number]["targets"]) => ({
  name,
  targets,
});
const one = (...targets: RouteDefinition["tiers"][number]["targets"]): RouteDefinition => ({
  tiers: [tier("first", ...targets)],
});

describe("what a route cannot mean is refused with its field and what to do", () => {
  const refused: readonly [definition: RouteDefinition, param: string, message: RegExp][] = [
    [
      one({ model: "qwen-mx" }),
      "tiers.0.targets.0.model",
      /no model 'qwen-mx'\. Did you mean 'qwen-max'\?/,
    ],
    [
      one({ model: "default" }),
      "tiers.0.targets.0.model",
      /'default' is a route, .* no route can lead to itself/,
    ],
    [one({ model: "idle" }), "tiers.0.targets.0.model", /nobody serves 'idle' now/],
    [
      one({ model: "gpt-5" }, { model: "qwen-max", provider: "openai" }),
      "tiers.0.targets.1.provider",
      /'openai' does not serve 'qwen-max'\. 'alibaba', 'openrouter' serve\./,
    ],
    [
      one({ model: "qwen-max", region: "eu" }),
      "tiers.0.targets.0.region",
      /no deployment of 'qwen-max' is in 'eu'\. 'cn-beijing', 'us' are where it runs\./,
    ],
    [
      { strategy: "weighted", ...one({ model: "gpt-5", weight: 0 }) },
      "tiers.0.targets",
      /all have weight 0/,
    ],
    [
      one({ model: "gpt-5", weight: 2 }),
      "tiers.0.targets.0.weight",
      /no meaning under the strategy 'ordered'/,
    ],
    [
      { tiers: [tier("a", { model: "qwen-max" }), tier("b", { model: "qwen-max", region: "us" })] },
      "tiers.1",
      /tier 'b' is never reached: 'a' tries everything that it names/,
    ],
    [
      { tiers: [tier("a", { model: "gpt-5" }), tier("a", { model: "qwen-max" })] },
      "tiers",
      /'a' names two tiers/,
    ],
    [
      { aliases: ["chat"], ...one({ model: "gpt-5" }) },
      "aliases",
      /'chat' calls the route already/,
    ],
    [
      one({ model: "gpt-5", when: { model: "gpt-4" } }),
      "tiers.0.targets.0.when.model",
      /nobody calls this route 'gpt-4'.*Add it to 'aliases'/,
    ],
    [
      one({ model: "gpt-5", when: { any: [{}, { not: { input_tokens: { min: 5, max: 4 } } }] } }),
      "tiers.0.targets.0.when.any.1.not.input_tokens",
      /never holds/,
    ],
    [
      { tiers: [{ ...tier("a", { model: "gpt-5" }), when: { time: { zone: "Asia/Shangai" } } }] },
      "tiers.0.when.time.zone",
      /'Asia\/Shangai' is no time zone.* Did you mean 'Asia\/Shanghai'/,
    ],
    [
      one({ model: "gpt-5", when: { time: { from: "08:00", to: "08:00" } } }),
      "tiers.0.targets.0.when.time",
      /ends when it begins/,
    ],
    [
      { retry: { backoff_ms: 500, backoff_max_ms: 100 }, ...one({ model: "gpt-5" }) },
      "retry.backoff_max_ms",
      /is below/,
    ],
  ];
  for (const [definition, param, message] of refused) {
    test(`${param}: ${message.source}`, () => {
      const failure = check(definition);

      expect(failure).toMatchObject({ kind: "invalid", param });
      expect(failure?.message).toMatch(message);
    });
  }
});

describe("what makes sense passes", () => {
  const accepted: Readonly<Record<string, RouteDefinition>> = {
    "the same model further down, after a condition": {
      tiers: [
        { ...tier("a", { model: "gpt-5" }), when: { language: "zh" } },
        tier("b", { model: "gpt-5" }),
      ],
    },
    "a tier that repeats some, and adds some": {
      tiers: [tier("a", { model: "gpt-5" }), tier("b", { model: "gpt-5" }, { model: "qwen-max" })],
    },
    "a weight of 0 beside another": {
      strategy: "weighted",
      ...one({ model: "gpt-5", weight: 0 }, { model: "qwen-max", region: "cn" }),
    },
    "a condition on an alias": {
      aliases: ["gpt-4"],
      ...one({ model: "gpt-5", when: { model: "gpt-4" } }, { model: "qwen-max" }),
    },
  };
  for (const [what, definition] of Object.entries(accepted)) {
    test(what, () => expect(check(definition)).toBeUndefined());
  }
});
