/** Configurations as people write them, and what becomes of each line. The expected reports lie in `__snapshots__`. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { stringify } from "yaml";
import { setLimit } from "../../contract/limits.ts";
import { createModel } from "../../contract/models.ts";
import { addCredential, createProvider } from "../../contract/providers.ts";
import { setRoute } from "../../contract/routes.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { leavesOf, readConfigTree } from "./config/config-tree.ts";
import { type SectionName, settingTable } from "./config/setting-table.ts";
import { costSettings } from "./deployments/price-settings.ts";
import { upstreams } from "./deployments/upstreams.ts";
import type { Step } from "./plan/steps.ts";
import { toReport } from "./report.ts";
import { type Around, type Translation, translate } from "./translate.ts";

const FOLDER = `${import.meta.dir}/fixtures`;
const configs = readdirSync(FOLDER).sort();

/** No value of these, and no key in a file, may ever be shown. */
const environment: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...[
      "OPENAI_API_KEY",
      "OPENAI_API_KEY_2",
      "ANTHROPIC_API_KEY",
      "AZURE_EU_KEY",
      "AZURE_AI_API_KEY",
    ],
    ...["GEMINI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "KEY_A", "KEY_B", "KEY_C"],
    ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
  ].map((name) => [name, `secret-value-of-${name.toLowerCase()}`]),
);
const PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----";
const around: Around = {
  variable: (name) =>
    name === "AZURE_API_BASE" ? "https://acme.openai.azure.com" : environment[name],
  file: (path) =>
    path === "/secrets/service-account.json"
      ? JSON.stringify({
          client_email: "a@b.example",
          private_key: PRIVATE_KEY,
          project_id: "acme",
        })
      : undefined,
};
const secretsInFiles = [
  "0123456789abcdef",
  "fedcba9876543210",
  "abcdef0123456789",
  "0011223344556677",
];
const secrets = [...Object.values(environment), PRIVATE_KEY, ...secretsInFiles];

const textOf = (config: string): string => readFileSync(`${FOLDER}/${config}`, "utf8");

describe("each configuration", () => {
  for (const config of configs) {
    test(`${config} is told line by line`, () => {
      const translation = translate(textOf(config), config, around);
      const report = toReport(config, translation, undefined);
      const steps = stringify(JSON.parse(JSON.stringify(translation.steps)), { lineWidth: 0 });

      expect(`${report.text}\n${steps}`).toMatchSnapshot();
      for (const secret of secrets) {
        expect(JSON.stringify(report.json) + report.text + steps).not.toContain(secret);
      }
      assertWhole(translation, textOf(config));
      for (const step of translation.steps) assertSendable(step);
    });
  }

  test("there are some", () => expect(configs.length).toBeGreaterThan(7));
});

/** Every leaf of the file is below exactly one setting of the report. */
function assertWhole({ findings }: Translation, text: string): void {
  const told = findings.map(({ setting }) => setting);
  expect(new Set(told).size).toBe(told.length);
  for (const { path } of leavesOf(readConfigTree(text, "config.yaml"))) {
    const prefixes = path.map((_, i) => path.slice(0, i + 1).join("."));
    expect([path.join("."), prefixes.filter((prefix) => told.includes(prefix)).length]).toEqual([
      path.join("."),
      path.length === 0 ? 0 : 1,
    ]);
  }
}

/** What is planned keeps to the contract. */
function assertSendable(step: Step): void {
  const parse = {
    provider: (one: Extract<Step, { kind: "provider" }>) =>
      createProvider.body.parse({ name: one.name, ...one.settings }),
    credential: (one: Extract<Step, { kind: "credential" }>) =>
      addCredential.body.parse({
        name: one.name,
        weight: one.weight,
        api_key: one.secret.reveal(),
      }),
    model: (one: Extract<Step, { kind: "model" }>) =>
      createModel.body.parse({
        name: one.name,
        ...one.facts,
        ...(one.price === "unclear" ? {} : one.price),
        ...{ provider: one.deployments[0]?.provider, upstream: one.deployments[0]?.upstream },
        ...{ listed_as: one.deployments[0]?.listedAs },
      }),
    limit: (one: Extract<Step, { kind: "limit" }>) =>
      setLimit.body.parse({ model: one.model, ...one.limits }),
    route: (one: Extract<Step, { kind: "route" }>) => {
      setRoute.params.parse({ name: one.name });
      return setRoute.body.parse({ definition: one.definition });
    },
  }[step.kind] as (one: Step) => unknown;
  expect(() => parse(step)).not.toThrow();
}

describe("whatever a configuration says", () => {
  const scalar = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constantFrom(
      null,
      "os.environ/KEY_A",
      "os.environ/NOT_SET",
      "http://x:1/v1",
      "0.000001",
      "*",
      "a",
      "b",
    ),
  );
  const { anything } = fc.letrec((tie) => ({
    anything: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      scalar,
      fc.array(tie("anything"), { maxLength: 3 }),
      fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), tie("anything"), { maxKeys: 3 }),
    ),
  }));
  const namesOf = (section: SectionName): string[] =>
    settingTable[section].flatMap(({ names }) => names);
  const section = (name: SectionName, more: readonly string[] = []) =>
    fc.dictionary(fc.constantFrom(...namesOf(name), ...more), anything, { maxKeys: 8 });
  const model = fc.oneof(
    fc
      .tuple(
        fc.constantFrom(...Object.keys(upstreams)),
        fc.constantFrom("m", "gemini-1", "us-east-1/x", "", "*"),
      )
      .map(([provider, name]) => `${provider}/${name}`),
    fc.constantFrom("gpt-4o", "claude-3", "other"),
  );
  const count = fc.nat({ max: 5_000_000 });
  const numbers = fc.record(
    {
      ...{
        rpm: count,
        tpm: count,
        max_parallel_requests: count,
        timeout: count,
        num_retries: count,
      },
      ...{ weight: fc.double({ min: 0, max: 1e9, noNaN: true }), order: fc.nat({ max: 3 }) },
    },
    { requiredKeys: [] },
  );
  const entry = fc.record({
    model_name: fc.oneof(fc.constantFrom("a", "b", "c", "a b", "*"), anything),
    litellm_params: fc
      .tuple(section("litellm_params", Object.keys(costSettings)), model, numbers)
      .map(([params, name, counts]) => ({ ...params, ...counts, model: name })),
    model_info: section("model_info", Object.keys(costSettings)),
  });
  const config = fc.record(
    {
      model_list: fc.oneof(
        { weight: 9, arbitrary: fc.array(entry, { maxLength: 5 }) },
        { weight: 1, arbitrary: anything },
      ),
      router_settings: fc.oneof(section("router_settings"), anything),
      litellm_settings: fc.oneof(section("litellm_settings"), anything),
      general_settings: fc.oneof(section("general_settings"), anything),
      environment_variables: anything,
      credential_list: anything,
      guardrails: anything,
      anything_else: anything,
    },
    { requiredKeys: ["model_list"] },
  );

  test("no setting vanishes, and every step keeps to the contract", () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(config, (given) => {
        const text = stringify(given, { version: "1.1" });
        const translation = translate(text, "config.yaml", around);
        assertWhole(translation, text);
        for (const step of translation.steps) {
          assertSendable(step);
          kinds.add(step.kind);
        }
      }),
      { numRuns: 150 },
    );
    expect([...kinds].sort()).toEqual(["credential", "limit", "model", "provider", "route"]);
  });

  test("the same text gives the same plan", () => {
    for (const name of configs) {
      const [a, b] = [translate(textOf(name), name, around), translate(textOf(name), name, around)];
      expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    }
  });
});

describe("a file that is no configuration", () => {
  const cases: readonly [what: string, text: string, says: RegExp][] = [
    ["broken YAML", "model_list:\n  - a: [sk-secret", /^c.yaml, line 2: is not valid YAML: /],
    ["a list", "- a\n- b\n", /has no settings by name/],
    ["nothing", "", /has no settings by name/],
    ["one word", "hello", /has no settings by name/],
    ["the same name twice", "a: 1\na: 2\n", /line 2: .*unique/],
    ["a very long one", `a: ${"x".repeat(3_000_000)}`, /characters/],
    ["a very deep one", `${"[".repeat(100)}${"]".repeat(100)}`, /too deep|no settings/],
    ["a bomb", bomb(), /too many settings/],
  ];
  for (const [what, text, says] of cases) {
    test(`${what} is refused`, () => {
      const attempt = () => translate(text, "c.yaml", around);
      expect(attempt).toThrow(UsageError);
      expect(attempt).toThrow(says);
      expect(attempt).not.toThrow(/sk-secret/);
    });
  }
});

function bomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  return lines.join("\n");
}
