/** Keys and models from the database, in the form in which calls use them. */
import { type Model, readCatalog } from "../../domains/catalog/index.ts";
import { readPrincipals } from "../../domains/identity/index.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Log } from "../../platform/log.ts";
import { toUpstream } from "../../providers/to-upstream.ts";
import type { ServedModel, Target } from "../admit/candidate.ts";
import type { SnapshotContent } from "./snapshot.ts";

export async function readSnapshot(
  database: Database,
  options: { sealKey: string; log: Log },
): Promise<SnapshotContent> {
  const [principals, models] = await Promise.all([
    readPrincipals(database),
    readCatalog(database, options.sealKey),
  ]);
  const served = new Map<string, ServedModel>();
  for (const [name, model] of models) {
    served.set(name, { ...model, targets: targetsOf(model, options.log) });
  }
  return { principals, models: served };
}

/** A deployment that this version cannot call is left out, and said; the others still serve. */
function targetsOf(model: Model, log: Log): Target[] {
  return model.deployments.flatMap(({ deploymentId, upstreamModel, provider }) => {
    try {
      return [
        {
          upstream: toUpstream(provider),
          upstreamModel,
          deploymentId,
          region: provider.region,
          healthKey: `${deploymentId}`,
          credentialKey: `${provider.providerId}`,
        },
      ];
    } catch (error) {
      log.error("a deployment cannot be called", { model: model.name, error });
      return [];
    }
  });
}
