/** A LiteLLM configuration → what is to be done in Baseload, and what becomes of each setting. Pure. */
import { applyTable } from "./config/apply-table.ts";
import {
  fieldOf,
  itemsOf,
  type MapSetting,
  readConfigTree,
  type Setting,
  textOf,
} from "./config/config-tree.ts";
import { type Finding, Findings } from "./config/findings.ts";
import { type LookUp, VariableBook } from "./config/variables.ts";
import { type Deployment, readDeployment } from "./deployments/read-deployment.ts";
import { settleProviders } from "./deployments/settle-providers.ts";
import { planLimits, planModels } from "./plan/plan-models.ts";
import { planRoutes } from "./plan/plan-routes.ts";
import { readPolicy } from "./plan/read-policy.ts";
import type { Step } from "./plan/steps.ts";

export type Translation = {
  readonly steps: readonly Step[];
  /** Every setting stands in it once, by lines. */
  readonly findings: readonly Finding[];
};

export type Around = {
  readonly variable: LookUp;
  /** The text of a local file that a credential names; undefined: it cannot be read. */
  readonly file: (path: string) => string | undefined;
};

/** @param name of the file, for messages */
export function translate(text: string, name: string, around: Around): Translation {
  const root = readConfigTree(text, name);
  const findings = new Findings();
  const variables = new VariableBook(root, around.variable);
  const deployments = readDeployments(root, { variables, file: around.file, findings });
  const settled = settleProviders(deployments);
  const groups = planModels(settled.units);
  const models = [...groups.values()].flat();
  const policy = readPolicy(root, findings);
  const limits = models.flatMap((model) => planLimits(model, findings));
  const routes = planRoutes(groups, policy, findings);
  variables.report(findings);
  applyTables(root, findings);
  return {
    steps: [
      ...settled.providers,
      ...settled.credentials,
      ...models.map(({ step }) => step),
      ...limits,
      ...routes,
    ],
    findings: findings.list(root),
  };
}

function readDeployments(
  root: MapSetting,
  reading: Omit<Parameters<typeof readDeployment>[1], "credentials">,
): Deployment[] {
  const credentials = new Map(
    itemsOf(fieldOf(root, "credential_list")).flatMap((entry) => {
      const values = fieldOf(entry, "credential_values");
      const nameSetting = fieldOf(entry, "credential_name");
      reading.findings.ignore(nameSetting, "deployments refer to it");
      reading.findings.ignore(fieldOf(entry, "credential_info"), "descriptions are not kept");
      return values?.kind === "map" ? [[textOf(nameSetting) ?? "", values] as const] : [];
    }),
  );
  return itemsOf(fieldOf(root, "model_list")).flatMap(
    (entry) => readDeployment(entry, { ...reading, credentials }) ?? [],
  );
}

/** Anchors need a place to stand; Compose's convention is common. */
const ANCHORS = /^(x-|_|\.)/;

function applyTables(root: MapSetting, findings: Findings): void {
  for (const entry of itemsOf(fieldOf(root, "model_list"))) {
    applyTable("litellm_params", fieldOf(entry, "litellm_params"), findings);
    applyTable("model_info", fieldOf(entry, "model_info"), findings);
  }
  for (const entry of itemsOf(fieldOf(root, "credential_list"))) {
    applyUnused(fieldOf(entry, "credential_values"), findings);
  }
  applyTable("router_settings", fieldOf(root, "router_settings"), findings);
  applyTable("litellm_settings", fieldOf(root, "litellm_settings"), findings);
  applyTable("general_settings", fieldOf(root, "general_settings"), findings);
  for (const [name, setting] of root.fields) {
    if (ANCHORS.test(name)) findings.ignore(setting, "what refers to it is told there");
  }
  applyTable("top", root, findings);
}

function applyUnused(values: Setting | undefined, findings: Findings): void {
  if (values?.kind !== "map") return;
  for (const setting of values.fields.values()) {
    if (!findings.isNoted(setting)) findings.ignore(setting, "no deployment uses it");
  }
}
