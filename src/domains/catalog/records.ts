/** Providers, models and prices as operators see them. */
import type { Price } from "./price.ts";

export type ProviderRecord = {
  providerId: bigint;
  name: string;
  dialect: string;
  baseUrl: string;
  region: string | null;
  /** Their names, in the order in which they were added. */
  credentials: string[];
  allowPrivate: boolean;
  quirks: Record<string, unknown>;
  createdAt: Date;
  removedAt: Date | null;
};

export type NewProvider = {
  name: string;
  dialect: string;
  baseUrl: string;
  credential?: string | undefined;
  region?: string | undefined;
  allowPrivate: boolean;
  quirks: Readonly<Record<string, unknown>>;
};

export type CredentialRecord = {
  credentialId: bigint;
  name: string;
  weight: number;
  createdAt: Date;
  removedAt: Date | null;
};

export type DeploymentRecord = { deploymentId: bigint; provider: string; upstreamModel: string };

export type ModelRecord = {
  modelId: bigint;
  name: string;
  contextTokens: number | null;
  maxOutputTokens: number | null;
  /** Null: nobody has said, and calls that need any are tried. */
  capabilities: string[] | null;
  modalities: string[] | null;
  license: string | null;
  /** The version in force; null: calls are refused. */
  price: PriceRecord | null;
  /** In the order in which a plan tries them. */
  deployments: DeploymentRecord[];
  createdAt: Date;
  removedAt: Date | null;
};

export type NewModel = {
  name: string;
  provider: string;
  /** The provider's own name of the model; the same name if undefined. */
  upstream?: string | undefined;
  contextTokens?: number | undefined;
  maxOutputTokens?: number | undefined;
  capabilities?: readonly string[] | undefined;
  modalities?: readonly string[] | undefined;
  license?: string | undefined;
};

/** What is left out stays as it is; null means that it is not known any more. */
export type ModelFacts = {
  contextTokens?: number | null | undefined;
  maxOutputTokens?: number | null | undefined;
  capabilities?: readonly string[] | null | undefined;
  modalities?: readonly string[] | null | undefined;
  license?: string | null | undefined;
};

export type PriceRecord = Price & {
  model: string;
  /** Null: what callers pay. Otherwise what the provider of this deployment charges us. */
  deployment: DeploymentRecord | null;
  /** `operator`, or the list that it was taken from, with its version. */
  source: string;
  validFrom: Date;
  /** The beginning of the next version; null: none is known. */
  validTo: Date | null;
};
