/** The catalog as a gateway process keeps it in memory. Never changed; a new one replaces it. */
import type { Price } from "./price.ts";

export type Provider = {
  providerId: bigint;
  name: string;
  dialect: string;
  baseUrl: string;
  region: string | null;
  /** In clear, for the memory of a process that calls the provider. Never logged. */
  credential: string | null;
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
  /** What callers pay, newest first; those that begin later are included. */
  prices: readonly Price[];
  /** In the order in which a plan tries them. */
  deployments: readonly Deployment[];
};
