/** The catalog as a gateway process keeps it in memory. Never changed; a new one replaces it. */
import type { Price } from "./price.ts";

/** In clear, for the memory of a process that calls the provider. Never logged. */
export type Credential = {
  credentialId: bigint;
  name: string;
  value: string;
  /** Its share of the calls; 0: a spare, for when the others fail. */
  weight: number;
};

export type Provider = {
  providerId: bigint;
  name: string;
  dialect: string;
  baseUrl: string;
  region: string | null;
  /** In the order in which they were added; none where the provider asks for none. */
  credentials: readonly Credential[];
  allowPrivate: boolean;
  quirks: Record<string, unknown>;
};

/** A model as one provider serves it. */
export type Deployment = {
  deploymentId: bigint;
  upstreamModel: string;
  provider: Provider;
  /** What the provider charges us, newest first; empty where nobody has said. Callers never pay by it. */
  prices: readonly Price[];
};

export type Model = {
  modelId: bigint;
  name: string;
  contextTokens: number | null;
  maxOutputTokens: number | null;
  /** What it can do beside text in and text out (`src/lib/abilities.ts`). Null: nobody has said. */
  capabilities: readonly string[] | null;
  /** What it can read beside text. Null: nobody has said. */
  modalities: readonly string[] | null;
  /** What callers pay, newest first; those that begin later are included. */
  prices: readonly Price[];
  /** In the order in which a plan tries them. */
  deployments: readonly Deployment[];
};
