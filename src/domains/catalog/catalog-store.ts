/** The whole catalog, as the data plane needs it. */
import type { PoolClient } from "pg";
import type { Database } from "../../platform/db/database.ts";
import type { Deployment, Model, Provider } from "./catalog.ts";
import type { Price } from "./price.ts";
import { readAllPrices, readPrices } from "./price-store.ts";
import { readProviders } from "./store.ts";

type ModelRow = {
  model_id: bigint;
  name: string;
  context_tokens: number | null;
  max_output_tokens: number | null;
  capabilities: string[] | null;
  modalities: string[] | null;
};

/** Offered models by name, from one moment: a price is never newer than its model. */
export async function readCatalog(
  database: Database,
  sealKey: string,
): Promise<Map<string, Model>> {
  return await database.transact(async (client) => {
    await client.query("set transaction isolation level repeatable read, read only");
    const providers = await readProviders(client, { sealKey, removedToo: false });
    const prices = await readAllPrices(client);
    const deployments = await readDeployments(client, providers, prices.byDeployment);
    const { rows } = await client.query<ModelRow>(
      `select model_id, name, context_tokens, max_output_tokens, capabilities, modalities
       from model where removed_at is null order by name`,
    );
    return new Map(
      rows.map((row) => [
        row.name,
        {
          modelId: row.model_id,
          name: row.name,
          contextTokens: row.context_tokens,
          maxOutputTokens: row.max_output_tokens,
          capabilities: row.capabilities,
          modalities: row.modalities,
          prices: prices.byModel.get(row.model_id) ?? [],
          deployments: deployments.get(row.model_id) ?? [],
        },
      ]),
    );
  });
}

/**
 * What settling attempts needs that were begun earlier: prices and deployments by id, whether or not they are
 * still offered. The credential of a removed provider is erased, so such a provider can be asked without one only.
 */
export async function readForSettlement(
  database: Database,
  options: {
    sealKey: string;
    priceVersionIds: readonly bigint[];
    deploymentIds: readonly bigint[];
  },
): Promise<{ prices: Map<bigint, Price>; deployments: Map<bigint, Deployment> }> {
  return await database.transact(async (client) => {
    await client.query("set transaction isolation level repeatable read, read only");
    const prices = await readPrices(client, options.priceVersionIds);
    const providers = await readProviders(client, { ...options, removedToo: true });
    const { rows } = await client.query<DeploymentRow>(
      `select deployment_id, model_id, provider_id, upstream_model from deployment
       where deployment_id = any ($1::bigint[])`,
      [options.deploymentIds],
    );
    const deployments = rows.map((row) => toDeployment(row, providers));
    return {
      prices: new Map(prices.map((price) => [price.priceVersionId, price])),
      deployments: new Map(
        deployments
          .filter((deployment) => deployment !== undefined)
          .map((deployment) => [deployment.deploymentId, deployment]),
      ),
    };
  });
}

type DeploymentRow = {
  deployment_id: bigint;
  model_id: bigint;
  provider_id: bigint;
  upstream_model: string;
};

function toDeployment(
  row: DeploymentRow,
  providers: ReadonlyMap<bigint, Provider>,
  prices: readonly Price[] = [],
): Deployment | undefined {
  const provider = providers.get(row.provider_id);
  if (provider === undefined) return undefined;
  return { deploymentId: row.deployment_id, upstreamModel: row.upstream_model, provider, prices };
}

async function readDeployments(
  client: PoolClient,
  providers: ReadonlyMap<bigint, Provider>,
  prices: ReadonlyMap<bigint, readonly Price[]>,
): Promise<Map<bigint, Deployment[]>> {
  const { rows } = await client.query<DeploymentRow>(
    `select deployment_id, model_id, provider_id, upstream_model from deployment
     where removed_at is null order by position, deployment_id`,
  );
  const deployments = new Map<bigint, Deployment[]>();
  for (const row of rows) {
    const deployment = toDeployment(row, providers, prices.get(row.deployment_id));
    if (deployment === undefined) continue;
    const ofModel = deployments.get(row.model_id) ?? [];
    ofModel.push(deployment);
    deployments.set(row.model_id, ofModel);
  }
  return deployments;
}
