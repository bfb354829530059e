/** Models and their deployments on PostgreSQL. Locks are taken in one order: provider, then model. */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { recordChange, violatedConstraint } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { idAfter, type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import { lockProvider } from "./named-provider-store.ts";
import type { NewVersion, PriceTerms } from "./price.ts";
import { insertPrice, readCurrentPrices } from "./price-store.ts";
import type { DeploymentRecord, ModelFacts, ModelRecord, NewModel } from "./records.ts";

const NAMES_MAX = 1_000;

type ModelRow = {
  model_id: bigint;
  name: string;
  context_tokens: number | null;
  max_output_tokens: number | null;
  capabilities: string[] | null;
  modalities: string[] | null;
  license: string | null;
  created_at: Date;
  removed_at: Date | null;
};

const columns = `model_id, name, context_tokens, max_output_tokens, capabilities, modalities, license, created_at,
  removed_at`;

/** Offers a model. Without a price calls are refused until one is set. */
export async function createModel(
  database: Database,
  options: NewModel & {
    terms?: PriceTerms | undefined;
    /** Instead of terms: what a list knows, with what it announces. */
    versions?: readonly NewVersion[] | undefined;
    actor: string;
  },
): Promise<ModelRecord> {
  return await database.transact(async (client) => {
    const provider = await lockProvider(client, options.provider);
    // A removed model comes back under its name, with its history.
    const { rows } = await client.query<ModelRow>(
      `insert into model (name, context_tokens, max_output_tokens, capabilities, modalities, license)
       values ($1, $2, $3, $4, $5, $6)
       on conflict on constraint model_name_is_unique do update set
         context_tokens = excluded.context_tokens, max_output_tokens = excluded.max_output_tokens,
         capabilities = excluded.capabilities, modalities = excluded.modalities,
         license = excluded.license, removed_at = null
       where model.removed_at is not null
       returning ${columns}`,
      [
        options.name,
        options.contextTokens ?? null,
        options.maxOutputTokens ?? null,
        options.capabilities ?? null,
        options.modalities ?? null,
        options.license ?? null,
      ],
    );
    const model = rows[0];
    if (model === undefined) throw modelExists(options.name);
    const upstream = options.upstream ?? options.name;
    await insertDeployment(client, { model, providerId: provider.provider_id, upstream });
    const own = options.terms === undefined ? [] : [{ terms: options.terms }];
    for (const version of options.versions ?? own) {
      await insertPrice(client, { ...version, modelId: model.model_id });
    }
    await recordChange(client, {
      actor: options.actor,
      action: "model.create",
      subject: options.name,
      detail: { provider: options.provider, upstream },
    });
    return await toRecord(client, model);
  });
}

/** Another provider serves the model too; plans try it after those already there. */
export async function addDeployment(
  database: Database,
  options: { model: string; provider: string; upstream?: string | undefined; actor: string },
): Promise<ModelRecord> {
  return await database.transact(async (client) => {
    const provider = await lockProvider(client, options.provider);
    const model = await lockModel(client, options.model);
    const upstream = options.upstream ?? options.model;
    await insertDeployment(client, { model, providerId: provider.provider_id, upstream });
    await recordChange(client, {
      actor: options.actor,
      action: "model.deploy",
      subject: options.model,
      detail: { provider: options.provider, upstream },
    });
    return await toRecord(client, model);
  });
}

/** Changes what is known of a model: limits, abilities, licence. Routes and plans go by it from the next call on. */
export async function describeModel(
  database: Database,
  options: ModelFacts & { name: string; actor: string },
): Promise<ModelRecord> {
  return await database.transact(async (client) => {
    const model = await lockModel(client, options.name);
    const told = <T>(value: T | undefined, known: T): T => (value === undefined ? known : value);
    const facts = {
      context_tokens: told(options.contextTokens, model.context_tokens),
      max_output_tokens: told(options.maxOutputTokens, model.max_output_tokens),
      capabilities: told<readonly string[] | null>(options.capabilities, model.capabilities),
      modalities: told<readonly string[] | null>(options.modalities, model.modalities),
      license: told(options.license, model.license),
    };
    const { rows } = await client.query<ModelRow>(
      `update model set context_tokens = $2, max_output_tokens = $3, capabilities = $4, modalities = $5,
         license = $6
       where model_id = $1 returning ${columns}`,
      [model.model_id, ...Object.values(facts)],
    );
    assert(rows[0] !== undefined, "the locked model exists");
    await recordChange(client, {
      actor: options.actor,
      action: "model.set",
      subject: options.name,
      detail: facts,
    });
    return await toRecord(client, rows[0]);
  });
}

/** Removes the model and its deployments from the offer; prices and usage stay on record. */
export async function removeModel(
  database: Database,
  options: { name: string; actor: string },
): Promise<ModelRecord> {
  return await database.transact(async (client) => {
    const { model_id } = await lockModel(client, options.name);
    await client.query(
      "update deployment set removed_at = now() where model_id = $1 and removed_at is null",
      [model_id],
    );
    const { rows } = await client.query<ModelRow>(
      `update model set removed_at = now() where model_id = $1 returning ${columns}`,
      [model_id],
    );
    assert(rows[0] !== undefined, "the locked model exists");
    await recordChange(client, {
      actor: options.actor,
      action: "model.remove",
      subject: options.name,
    });
    return await toRecord(client, rows[0]);
  });
}

export async function listModels(
  database: Database,
  page: PageRequest,
): Promise<Page<ModelRecord>> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<ModelRow>(
      `select ${columns} from model where removed_at is null and model_id > $1 order by model_id limit $2`,
      [idAfter(page), page.limit + 1],
    );
    return toPage(await toRecords(client, rows), page, (row) => String(row.modelId));
  });
}

/** One that is offered. */
export async function readModel(database: Database, name: string): Promise<ModelRecord> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<ModelRow>(
      `select ${columns} from model where name = $1 and removed_at is null`,
      [name],
    );
    if (rows[0] === undefined) throw await noSuchModel(client, name);
    return await toRecord(client, rows[0]);
  });
}

export async function countCatalog(
  database: Database,
): Promise<{ providers: number; models: number }> {
  const { rows } = await database.pool.query<{ providers: number; models: number }>(
    `select (select count(*) from provider where removed_at is null)::int as providers,
       (select count(*) from model where removed_at is null)::int as models`,
  );
  return rows[0] ?? { providers: 0, models: 0 };
}

async function insertDeployment(
  client: PoolClient,
  options: { model: ModelRow; providerId: bigint; upstream: string },
): Promise<void> {
  try {
    await client.query(
      `insert into deployment (model_id, provider_id, upstream_model, position)
       select $1, $2, $3, coalesce(max(position) + 1, 0) from deployment
       where model_id = $1 and removed_at is null`,
      [options.model.model_id, options.providerId, options.upstream],
    );
  } catch (error) {
    if (violatedConstraint(error) !== "deployment_is_unique_while_it_lives") throw error;
    throw new Failure(
      "conflict",
      `That provider already serves '${options.model.name}' as '${options.upstream}'.`,
      { param: "provider", code: "deployment_exists" },
    );
  }
}

/** Versions of a price are added one by one, while the model is locked. */
export async function lockModel(client: PoolClient, name: string): Promise<ModelRow> {
  const { rows } = await client.query<ModelRow>(
    `select ${columns} from model where name = $1 and removed_at is null for update`,
    [name],
  );
  if (rows[0] === undefined) throw await noSuchModel(client, name);
  return rows[0];
}

/** Removed models are known: their prices are history. */
export async function assertModelKnown(database: Database, name: string): Promise<void> {
  const { rowCount } = await database.pool.query("select from model where name = $1", [name]);
  if (rowCount === 0) throw await noSuchModel(database.pool, name);
}

async function noSuchModel(client: Pick<PoolClient, "query">, name: string): Promise<Failure> {
  const names = await client.query<{ name: string }>(
    "select name from model where removed_at is null order by model_id desc limit $1",
    [NAMES_MAX],
  );
  const hint = didYouMean(
    name,
    names.rows.map((row) => row.name),
  );
  return new Failure(
    "not_found",
    `There is no model '${name}'.${hint} 'baseload model list' shows those that are offered.`,
    { param: "model", code: "model_not_found" },
  );
}

const modelExists = (name: string): Failure =>
  new Failure(
    "conflict",
    `There is already a model '${name}'. Set its price with 'baseload price set', or remove it first.`,
    { param: "name", code: "model_exists" },
  );

async function toRecord(client: PoolClient, row: ModelRow): Promise<ModelRecord> {
  const [record] = await toRecords(client, [row]);
  assert(record !== undefined, "one row makes one record");
  return record;
}

async function toRecords(client: PoolClient, rows: readonly ModelRow[]): Promise<ModelRecord[]> {
  const modelIds = rows.map((row) => row.model_id);
  const prices = await readCurrentPrices(client, modelIds);
  const deployments = await readDeployments(client, modelIds);
  return rows.map((row) => ({
    modelId: row.model_id,
    name: row.name,
    contextTokens: row.context_tokens,
    maxOutputTokens: row.max_output_tokens,
    capabilities: row.capabilities,
    modalities: row.modalities,
    license: row.license,
    price: prices.get(row.model_id) ?? null,
    deployments: deployments.get(row.model_id) ?? [],
    createdAt: row.created_at,
    removedAt: row.removed_at,
  }));
}

async function readDeployments(
  client: PoolClient,
  modelIds: readonly bigint[],
): Promise<Map<bigint, DeploymentRecord[]>> {
  const { rows } = await client.query<{
    deployment_id: bigint;
    model_id: bigint;
    provider: string;
    upstream_model: string;
  }>(
    `select deployment_id, model_id, provider.name as provider, upstream_model
     from deployment join provider using (provider_id)
     where model_id = any ($1::bigint[]) and deployment.removed_at is null
     order by position, deployment_id`,
    [modelIds],
  );
  const deployments = new Map<bigint, DeploymentRecord[]>();
  for (const row of rows) {
    const ofModel = deployments.get(row.model_id) ?? [];
    ofModel.push({
      deploymentId: row.deployment_id,
      provider: row.provider,
      upstreamModel: row.upstream_model,
    });
    deployments.set(row.model_id, ofModel);
  }
  return deployments;
}
