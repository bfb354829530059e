/** Every configuration beside this file against a control plane: imported twice, the second time changes nothing. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { secrets, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { runCommandLine } from "../../../test/support/run-command-line.ts";
import { createProvider } from "../../domains/catalog/index.ts";
import {
  connectionTo,
  findKnownProvider,
} from "../../providers/known-providers/known-providers.ts";
import type { Quirks } from "../../providers/upstream.ts";
import type { ProviderStep } from "./plan/steps.ts";
import { translate } from "./translate.ts";

/** A PostgreSQL may have to start first, on a machine that is busy with other tests. */
const TIMEOUT_MS = 60_000;
const FOLDER = `${import.meta.dir}/fixtures`;
const configs = readdirSync(FOLDER).sort();

const keys = [
  ...[
    "OPENAI_API_KEY",
    "OPENAI_API_KEY_2",
    "ANTHROPIC_API_KEY",
    "AZURE_EU_KEY",
    "AZURE_AI_API_KEY",
  ],
  ...["GEMINI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "KEY_A", "KEY_B", "KEY_C"],
  ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
];
const variables: Record<string, string> = {
  ...Object.fromEntries(keys.map((name) => [name, `secret-of-${name}`])),
  AZURE_API_BASE: "https://acme.openai.azure.com",
  BASELOAD_ADMIN_TOKEN: secrets.admin_token,
};

function providersOf(config: string): ProviderStep[] {
  const text = readFileSync(`${FOLDER}/${config}`, "utf8");
  const around = { variable: (name: string) => variables[name], file: () => undefined };
  return translate(text, config, around).steps.filter((step) => step.kind === "provider");
}

/** Not by the control plane: it looks at addresses, and tests reach none. Otherwise as it would. */
async function connectByHand(control: TestControl, { name, settings }: ProviderStep) {
  const { preset, region, base_url: baseUrl = "", allow_private = false } = settings;
  const quirks = (settings.quirks ?? {}) as Quirks;
  const said = { region, quirks, ...(baseUrl === "" ? {} : { baseUrl }) };
  const connection =
    preset === undefined
      ? { dialect: settings.dialect ?? "openai-chat", baseUrl, region, quirks }
      : connectionTo(findKnownProvider(preset), said);
  await createProvider(control.database, {
    ...{ name, allowPrivate: allow_private, ...connection },
    ...{ sealKey: secrets.seal_key, actor: "test" },
  });
}

type Answer = { steps: { kind: string; step: string; state: string; why: string }[] };

describe("imported twice", () => {
  for (const config of configs) {
    test(
      config,
      async () => {
        await using control = await startTestControl();
        for (const step of providersOf(config)) await connectByHand(control, step);
        const words = ["import", "litellm", `${FOLDER}/${config}`, "--json"];
        const run = async (): Promise<Answer> => {
          const done = await runCommandLine([...words, "--control-url", control.url], {
            variables,
          });
          expect(done.notes).toBe("");
          return done.json<Answer>();
        };
        const changes = async () =>
          (await control.database.pool.query("select count(*)::int as n from audit_event")).rows[0];

        const [first, before] = [await run(), await changes()];
        const [second, after] = [await run(), await changes()];

        const open = (answer: Answer) =>
          answer.steps.filter(({ state }) => state === "failed" || state === "left out");
        expect(open(first)).toEqual([]);
        expect(second.steps.filter(({ state }) => state === "done")).toEqual([]);
        expect(open(second)).toEqual([]);
        expect(after).toEqual(before);
        expect(before.n).toBeGreaterThan(2);
      },
      TIMEOUT_MS,
    );
  }

  test(
    "a deployment with a name of one's own has the price of its base model",
    async () => {
      await using control = await startTestControl();
      for (const step of providersOf("load-balanced.yaml")) await connectByHand(control, step);
      const path = `${FOLDER}/load-balanced.yaml`;
      const words = ["import", "litellm", path, "--json", "--control-url", control.url];
      const { steps } = (await runCommandLine(words, { variables })).json<Answer>();

      const priced = steps.filter(({ kind }) => kind === "model").map(({ why }) => why);
      expect(priced).toEqual([
        expect.stringMatching(/^offered, at the price of genai-prices /),
        expect.stringMatching(/^offered, at the price of genai-prices /),
      ]);
    },
    TIMEOUT_MS,
  );

  test("there are some", () => expect(configs.length).toBeGreaterThan(7));
});
