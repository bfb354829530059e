/** Keys and models from the database, in the form in which calls use them. */
import { type Model, readCatalog } from "../../domains/catalog/index.ts";
import { readModelLimits, readPrincipals } from "../../domains/identity/index.ts";
import { prepareLanguages, readRoutes } from "../../domains/routing/index.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Log } from "../../platform/log.ts";
import { toUpstream } from "../../providers/to-upstream.ts";
import type { ServedDeployment, ServedModel } from "../admit/candidate.ts";
import type { SnapshotContent } from "./snapshot.ts";

export async function readSnapshot(
  database: Database,
  options: { sealKey: string; log: Log },
): Promise<SnapshotContent> {
  const [principals, models, routes, limits] = await Promise.all([
    readPrincipals(database),
    readCatalog(database, options.sealKey),
    readRoutes(database),
    readModelLimits(database),
  ]);
  const served = new Map<string, ServedModel>();
  for (const [name, model] of models) {
    const candidates = deploymentsOf(model, options.log);
    served.set(name, { ...model, candidates, limit: limits.get(model.modelId) });
  }
  if (routes.values().some(({ asksLanguage }) => asksLanguage)) prepare(options.log);
  return { principals, models: served, routes };
}

/** No call shall wait for the statistics of languages; without them a language stays unknown. */
function prepare(log: Log): void {
  prepareLanguages().catch((error: unknown) => log.error("languages cannot be told", { error }));
}

/** A deployment that this version cannot call is left out, and said; the others still serve. */
function deploymentsOf(model: Model, log: Log): ServedDeployment[] {
  return model.deployments.flatMap((deployment) => {
    try {
      return [toServed(deployment)];
    } catch (error) {
      log.error("a deployment cannot be called", { model: model.name, error });
      return [];
    }
  });
}

function toServed({
  deploymentId,
  upstreamModel,
  provider,
  prices,
}: Model["deployments"][number]): ServedDeployment {
  const { region } = provider;
  const upstream = toUpstream(provider);
  const common = { upstreamModel, deploymentId, region };
  const targets = provider.credentials.map((credential) => ({
    ...common,
    upstream: toUpstream(provider, credential),
    credentialId: credential.credentialId,
    weight: credential.weight,
  }));
  const bare = { ...common, upstream, credentialId: 0n, weight: 1 };
  return {
    deploymentId,
    region,
    upstream,
    targets: targets.length > 0 ? targets : [bare],
    costs: prices,
  };
}
