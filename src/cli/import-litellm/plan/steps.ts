/** What is to be done in Baseload, in this order, as data. No step holds a secret in clear. */

import type { createModel } from "../../../contract/models.ts";
import type { OperationInput } from "../../../contract/operation.ts";
import type { createProvider } from "../../../contract/providers.ts";
import type { RouteDefinition } from "../../../contract/route-definition.ts";
import type { Secret } from "../config/secret.ts";
import type { SaidPrice } from "../deployments/price-settings.ts";

type ProviderBody = OperationInput<typeof createProvider>["body"];
export type ProviderSettings = Pick<
  ProviderBody,
  "preset" | "dialect" | "base_url" | "region" | "allow_private" | "quirks"
>;

type ModelBody = OperationInput<typeof createModel>["body"];
export type ModelFacts = Pick<
  ModelBody,
  "context_tokens" | "max_output_tokens" | "capabilities" | "modalities"
>;

type At = {
  /** The line of the configuration that asks for it first. */
  readonly line: number;
};

export type ProviderStep = At & {
  readonly kind: "provider";
  readonly name: string;
  readonly settings: ProviderSettings;
};
export type CredentialStep = At & {
  readonly kind: "credential";
  readonly provider: string;
  readonly name: string;
  readonly weight: number | undefined;
  /** All that the provider shall have. */
  readonly all: readonly string[];
  readonly secret: Secret;
};
export type DeploymentName = { readonly provider: string; readonly upstream: string };
export type PricedDeployment = DeploymentName & {
  /** The maintained list knows it by this name; undefined: by the provider's. */
  readonly listedAs?: string;
};
export type ModelStep = At & {
  readonly kind: "model";
  readonly name: string;
  readonly deployments: readonly PricedDeployment[];
  readonly facts: ModelFacts;
  /** Undefined: what the maintained list knows. `unclear`: none, until the operator sets one. */
  readonly price: SaidPrice;
};
export type LimitStep = At & {
  readonly kind: "limit";
  readonly model: string;
  readonly limits: { readonly rpm?: number; readonly tpm?: number; readonly concurrency?: number };
};
export type RouteStep = At & {
  readonly kind: "route";
  readonly name: string;
  readonly definition: RouteDefinition;
};

export type Step = ProviderStep | CredentialStep | ModelStep | LimitStep | RouteStep;

export function sayStep(step: Step): string {
  switch (step.kind) {
    case "provider":
      return `provider ${step.name}${sayAddress(step.settings)}`;
    case "credential":
      return `credential ${step.name} of ${step.provider}`;
    case "model":
      return `model ${step.name} at ${step.deployments.map(sayDeployment).join(", ")}`;
    case "limit":
      return `limits of ${step.model}: ${Object.entries(step.limits)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}`;
    case "route":
      return `route ${step.name}: ${step.definition.tiers.map(({ name }) => name).join(" → ")}`;
  }
}

const sayDeployment = ({ provider, upstream }: DeploymentName): string =>
  `${provider} (${upstream})`;

const sayAddress = ({ preset, base_url }: ProviderSettings): string =>
  base_url === undefined ? ` (${preset})` : ` at ${base_url}`;
