/** The whole catalog, as the data plane needs it. */
import type { PoolClient } from "pg";
import type { Database } from "../../platform/db/database.ts";
import type { Deployment, Model, Provider } from "./catalog.ts";
import { readAllPrices } from "./price-store.ts";
import { readProviders } from "./store.ts";

type ModelRow = {
  model_id: bigint;
  name: string;
  context_tokens: number | null;
  max_output_tokens: number | null;
};

/** Offered models by name, from one moment: a price is never newer than its model. */
export async function readCatalog(
  database: Database,
  sealKey: string,
): Promise<Map<string, Model>> {
  return await database.transact(async (client) => {
    await client.query("set transaction isolation level repeatable read, read only");
    const providers = await readProviders(client, sealKey);
    const deployments = await readDeployments(client, providers);
    const prices = await readAllPrices(client);
    const { rows } = await client.query<ModelRow>(
      "select model_id, name, context_tokens, max_output_tokens from model where removed_at is null order by name",
    );
    return new Map(
      rows.map((row) => [
        row.name,
        {
          modelId: row.model_id,
          name: row.name,
          contextTokens: row.context_tokens,
          maxOutputTokens: row.max_output_tokens,
          prices: prices.get(row.model_id) ?? [],
          deployments: deployments.get(row.model_id) ?? [],
        },
      ]),
    );
  });
}

async function readDeployments(
  client: PoolClient,
  providers: ReadonlyMap<bigint, Provider>,
): Promise<Map<bigint, Deployment[]>> {
  const { rows } = await client.query<{
    deployment_id: bigint;
    model_id: bigint;
    provider_id: bigint;
    upstream_model: string;
  }>(
    `select deployment_id, model_id, provider_id, upstream_model from deployment
     where removed_at is null order by position, deployment_id`,
  );
  const deployments = new Map<bigint, Deployment[]>();
  for (const row of rows) {
    const provider = providers.get(row.provider_id);
    if (provider === undefined) continue;
    const ofModel = deployments.get(row.model_id) ?? [];
    ofModel.push({ deploymentId: row.deployment_id, upstreamModel: row.upstream_model, provider });
    deployments.set(row.model_id, ofModel);
  }
  return deployments;
}
