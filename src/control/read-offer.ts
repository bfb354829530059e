/** What is offered now, in the form in which routes are checked and planned. No credential leaves this file. */
import { type Model, readCatalog } from "../domains/catalog/index.ts";
import { type RoutableModel, type Route, readRoutes } from "../domains/routing/index.ts";
import { Failure } from "../lib/errors.ts";
import { toUpstream } from "../providers/to-upstream.ts";
import type { Upstream } from "../providers/upstream.ts";
import type { Control } from "./control.ts";

export type OfferedDeployment = {
  deploymentId: bigint;
  region: string | null;
  /** Without a credential: nobody is asked. */
  upstream: Upstream;
  costs: Model["prices"];
};

export type OfferedModel = RoutableModel<OfferedDeployment> &
  Pick<Model, "prices" | "maxOutputTokens">;

/** All that `Offer` asks for, and what planning needs beside it. */
export type CurrentOffer = {
  models: ReadonlyMap<string, OfferedModel>;
  routes: ReadonlySet<string>;
  routesByName: ReadonlyMap<string, Route>;
};

export async function readOffer(control: Control): Promise<CurrentOffer> {
  const [catalog, routesByName] = await Promise.all([
    readCatalog(control.database, control.sealKey),
    readRoutes(control.database),
  ]);
  const models = new Map([...catalog].map(([name, model]) => [name, toOffered(model)]));
  return { models, routesByName, routes: new Set(routesByName.keys()) };
}

const toOffered = (model: Model): OfferedModel => ({
  name: model.name,
  contextTokens: model.contextTokens,
  maxOutputTokens: model.maxOutputTokens,
  capabilities: model.capabilities,
  modalities: model.modalities,
  prices: model.prices,
  candidates: model.deployments.flatMap(toCandidate),
});

/** A deployment that this version cannot call is left out, as gateways leave it out. */
function toCandidate({
  deploymentId,
  provider,
  prices,
}: Model["deployments"][number]): OfferedDeployment[] {
  try {
    const upstream = toUpstream({ ...provider, credentials: [] });
    return [{ deploymentId, region: provider.region, upstream, costs: prices }];
  } catch (error) {
    if (error instanceof Failure) return [];
    throw error;
  }
}
