/** The setting of prices: by an operator's word, or as a list knows them. Locks: provider, then model. */
import type { PoolClient } from "pg";
import { Failure } from "../../lib/errors.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import type { FindKnownModel, KnownModel, ServedAt } from "./knowledge/known-model.ts";
import { type Difference, versionsToAdd } from "./knowledge/versions-to-add.ts";
import { lockModel } from "./model-store.ts";
import { assertNotInThePast, type NewVersion, type PriceTerms } from "./price.ts";
import { insertPrice, readNowMs, readPrice, readSeries } from "./price-store.ts";
import type { PriceRecord } from "./records.ts";

/** Far more than any installation offers; what lies beyond is left for another import. */
const IMPORTED_MODELS_MAX = 10_000;

/** Which of a model's deployments is meant. */
export type DeploymentName = { provider: string; upstream?: string | undefined };

/** What an operator says of a price. */
export type PriceOrder = {
  model: string;
  /** Undefined: what callers pay. Otherwise what this provider charges us. */
  deployment?: DeploymentName | undefined;
  /** Terms that name service tiers only stand beside the standard price that is in force. */
  terms: PriceTerms;
  validFrom?: Date | undefined;
  source?: string | undefined;
};

/** Adds a version from now, or from a later time. The model is locked, so that versions are added one by one. */
export async function setPrice(
  database: Database,
  options: PriceOrder & { nowMs: number; actor: string },
): Promise<PriceRecord> {
  assertNotInThePast(options.validFrom, options.nowMs);
  return await database.transact(async (client) => {
    const { model_id: modelId } = await lockModel(client, options.model);
    const deploymentId = await findDeployment(client, { ...options, modelId });
    const version = await besideStandard(client, { ...options, modelId, deploymentId });
    const priceVersionId = await insertPrice(client, { ...version, modelId, deploymentId });
    await recordChange(client, {
      actor: options.actor,
      action: "price.set",
      subject: options.model,
      detail: { price_version_id: String(priceVersionId) },
    });
    return await readPrice(client, priceVersionId);
  });
}

/** Whose price it is; undefined: the callers'. */
async function findDeployment(
  client: PoolClient,
  { modelId, model, deployment }: { modelId: bigint } & Pick<PriceOrder, "model" | "deployment">,
): Promise<bigint | undefined> {
  if (deployment === undefined) return undefined;
  const { rows } = await client.query<{ deployment_id: bigint }>(
    `select deployment_id from deployment join provider using (provider_id)
     where model_id = $1 and provider.name = $2 and ($3::text is null or upstream_model = $3)
       and deployment.removed_at is null order by position, deployment_id limit 2`,
    [modelId, deployment.provider, deployment.upstream ?? null],
  );
  if (rows.length === 1) return rows[0]?.deployment_id;
  const problem =
    rows.length === 0
      ? `Provider '${deployment.provider}' does not serve '${model}' so.`
      : `Provider '${deployment.provider}' serves '${model}' under several names: say which with 'upstream'.`;
  throw new Failure("not_found", problem, { param: "provider", code: "deployment_not_found" });
}

/** A version says all that a model costs: where only service tiers are given, the rest is as it stands. */
async function besideStandard(
  client: PoolClient,
  options: PriceOrder & { modelId: bigint; deploymentId: bigint | undefined },
): Promise<NewVersion> {
  const { serviceTiers, ...standard } = options.terms;
  if (Object.keys(standard).length > 0 || serviceTiers === undefined) return options;
  const atMs = options.validFrom?.getTime() ?? (await readNowMs(client));
  const series = await readSeries(client, options);
  const standing = series.find((price) => price.validFromMs <= atMs);
  if (standing === undefined) return options;
  return {
    terms: { ...standing.picos, serviceTiers: { ...standing.serviceTiers, ...serviceTiers } },
    validFrom: options.validFrom,
    source: standing.source,
  };
}

/** One model's, or one deployment's, prices beside the list's. */
export type ImportedPrice = Omit<Difference, "state"> & {
  model: string;
  provider: string;
  upstreamModel: string;
  /** What callers pay, or what the provider charges us. */
  of: "callers" | "provider";
  /** `unknown`: the list has no price of it. */
  state: Difference["state"] | "unknown";
  known: KnownModel | undefined;
};

export type ImportOptions = {
  /** Undefined: of all providers. */
  provider?: string | undefined;
  /** What providers charge us is recorded too, where no operator has said it. */
  withCosts: boolean;
  isDryRun: boolean;
  find: FindKnownModel;
  /** The list's id of one of our providers. */
  listIdOf(provider: { name: string; baseUrl: string }): string | undefined;
  nowMs: number;
  actor: string;
};

/** Brings the prices that came from a list up to date, model by model: each in a transaction of its own. */
export async function importKnownPrices(
  database: Database,
  options: ImportOptions,
): Promise<ImportedPrice[]> {
  const imported: ImportedPrice[] = [];
  for (const served of await readServed(database, options)) {
    const listId = options.listIdOf({ name: served.provider, baseUrl: served.baseUrl });
    const known = await options.find({ ...served, listId }, options.nowMs);
    if (served.isFirst) {
      imported.push(await importOne(database, options, { ...served, known, of: "callers" }));
    }
    if (options.withCosts) {
      imported.push(await importOne(database, options, { ...served, known, of: "provider" }));
    }
  }
  return imported;
}

type Served = Omit<ServedAt, "listId"> & {
  modelId: bigint;
  model: string;
  deploymentId: bigint;
  provider: string;
  /** Plans try it first, so the price that callers pay is its provider's. */
  isFirst: boolean;
};

async function readServed(
  database: Database,
  { provider, withCosts }: ImportOptions,
): Promise<Served[]> {
  const { rows } = await database.pool.query<Served>(
    `select * from (
       select model_id as "modelId", model.name as model, deployment_id as "deploymentId",
         provider.name as provider, provider.base_url as "baseUrl", upstream_model as "upstreamModel",
         row_number() over (partition by model_id order by position, deployment_id) = 1 as "isFirst"
       from deployment join model using (model_id) join provider using (provider_id)
       where deployment.removed_at is null
     ) served
     where ($1::text is null or provider = $1) and ("isFirst" or $2)
     order by model, "deploymentId" limit $3`,
    [provider ?? null, withCosts, IMPORTED_MODELS_MAX],
  );
  return rows;
}

async function importOne(
  database: Database,
  options: ImportOptions,
  served: Served & { known: KnownModel | undefined; of: ImportedPrice["of"] },
): Promise<ImportedPrice> {
  const { model, modelId, provider, upstreamModel, of, known } = served;
  const found = { model, provider, upstreamModel, of, known };
  if (known === undefined) return { ...found, state: "unknown", versions: [] };
  const deploymentId = of === "provider" ? served.deploymentId : undefined;
  return await database.transact(async (client) => {
    await lockModel(client, model);
    const series = await readSeries(client, { modelId, deploymentId });
    const difference = versionsToAdd(series, known, await readNowMs(client));
    const isNewCost = of === "provider" && difference.state === "unpriced";
    const { state, versions } = isNewCost ? firstVersions(known) : difference;
    if (!options.isDryRun) {
      for (const version of versions) {
        const id = await insertPrice(client, { ...version, modelId, deploymentId });
        await recordChange(client, {
          ...{ actor: options.actor, action: "price.import", subject: model },
          detail: { price_version_id: String(id), source: known.source },
        });
      }
    }
    return { ...found, state, versions };
  });
}

const firstVersions = (known: KnownModel): Difference => ({
  state: "changed",
  versions: toVersions(known),
});

/** All that a list knows of a model's price, as versions. */
export const toVersions = ({ prices, source }: KnownModel): NewVersion[] =>
  prices.map((price) => ({ ...price, source }));
