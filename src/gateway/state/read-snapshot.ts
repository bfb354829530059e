/** Keys and models from the database, in the form in which calls use them. */
import { type Model, readCatalog } from "../../domains/catalog/index.ts";
import { readPrincipals } from "../../domains/identity/index.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Log } from "../../platform/log.ts";
import { toUpstream } from "../../providers/to-upstream.ts";
import type { Candidate, ServedModel } from "../admit/plan-call.ts";
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
    served.set(name, { ...model, candidates: candidatesOf(model, options.log) });
  }
  return { principals, models: served };
}

/** A deployment that this version cannot call is left out, and said; the others still serve. */
function candidatesOf(model: Model, log: Log): Candidate[] {
  return model.deployments.flatMap(({ deploymentId, upstreamModel, provider }) => {
    try {
      return [
        { upstream: toUpstream(provider), upstreamModel, deploymentId, region: provider.region },
      ];
    } catch (error) {
      log.error("a deployment cannot be called", { model: model.name, error });
      return [];
    }
  });
}
