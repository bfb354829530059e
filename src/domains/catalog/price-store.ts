/** Price versions on PostgreSQL: rows are added and never changed, which a trigger of the table enforces. */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { picos } from "../../lib/money.ts";
import type { QuantityName } from "../../lib/quantities.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import { violatedConstraint } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { idAfter, type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import { completeTerms, type NewVersion, type Price } from "./price.ts";
import { type PriceCell, toCells, toTerms } from "./price-cells.ts";
import type { PriceRecord } from "./records.ts";

type PriceRow = {
  price_version_id: bigint;
  model_id: bigint;
  model: string;
  deployment_id: bigint | null;
  provider: string | null;
  upstream_model: string | null;
  source: string;
  valid_from: Date;
  valid_to: Date | null;
  cells: StoredCell[];
};

/** Pico-dollars as text: JSON numbers would lose digits. */
type StoredCell = [tier: ServiceTier, above: number, quantity: QuantityName, picos: string];

const selectPrice = `
  select price_version_id, v.model_id, model.name as model, deployment_id, provider.name as provider,
    upstream_model, source, valid_from,
    lead(valid_from) over (partition by v.model_id, deployment_id order by valid_from) as valid_to,
    array(select jsonb_build_array(service_tier, above_input_tokens, quantity, picos_per_unit::text)
     from price_component c where c.price_version_id = v.price_version_id) as cells
  from price_version v
  join model using (model_id)
  left join deployment using (deployment_id)
  left join provider using (provider_id)`;

/** Whose prices follow one another. */
export type Series = {
  modelId: bigint;
  /** Undefined: what callers pay. Otherwise what the provider of this deployment charges us. */
  deploymentId?: bigint | undefined;
};

/** Where nobody says otherwise, an operator has set the price. */
const OPERATOR = "operator";

/** The caller holds the lock of the model. */
export async function insertPrice(
  client: PoolClient,
  options: Series & NewVersion,
): Promise<bigint> {
  const cells = toCells(completeTerms(options.terms));
  try {
    const { rows } = await client.query<{ price_version_id: bigint }>(
      `insert into price_version (model_id, deployment_id, valid_from, source)
       values ($1, $2, greatest($3::timestamptz, clock_timestamp()), $4) returning price_version_id`,
      [
        options.modelId,
        options.deploymentId ?? null,
        options.validFrom ?? null,
        options.source ?? OPERATOR,
      ],
    );
    const priceVersionId = rows[0]?.price_version_id;
    assert(priceVersionId !== undefined, "insert into price_version returned no row");
    await insertCells(client, priceVersionId, cells);
    return priceVersionId;
  } catch (error) {
    if (violatedConstraint(error) !== "price_versions_of_a_model_do_not_overlap") throw error;
    throw new Failure(
      "conflict",
      "Another price of this model begins at the same moment, and prices are never changed. Choose another valid_from.",
      { param: "valid_from" },
    );
  }
}

async function insertCells(
  client: PoolClient,
  priceVersionId: bigint,
  cells: readonly PriceCell[],
): Promise<void> {
  await client.query(
    `insert into price_component (price_version_id, service_tier, above_input_tokens, quantity, picos_per_unit)
     select $1, tier, above, quantity, picos
     from unnest($2::text[], $3::int[], $4::text[], $5::bigint[]) as cell (tier, above, quantity, picos)`,
    [
      priceVersionId,
      cells.map((cell) => cell.serviceTier),
      cells.map((cell) => cell.aboveInputTokens),
      cells.map((cell) => cell.quantity),
      cells.map((cell) => cell.picos),
    ],
  );
}

export async function readPrice(client: PoolClient, priceVersionId: bigint): Promise<PriceRecord> {
  const [price] = await readPrices(client, [priceVersionId]);
  assert(price !== undefined, `price version ${priceVersionId} exists`);
  return price;
}

export async function readPrices(
  client: PoolClient,
  priceVersionIds: readonly bigint[],
): Promise<PriceRecord[]> {
  // Filtered outside, because the end of a version is the beginning of another one.
  const { rows } = await client.query<PriceRow>(
    `select * from (${selectPrice}
       where v.model_id in (select model_id from price_version where price_version_id = any ($1::bigint[]))
     ) price where price_version_id = any ($1::bigint[])`,
    [priceVersionIds],
  );
  return rows.map(toPriceRecord);
}

/** By the clock that says when versions begin: what was added a moment ago holds. */
export async function readNowMs(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ now: Date }>("select clock_timestamp() as now");
  assert(rows[0] !== undefined, "the database knows the time");
  return rows[0].now.getTime();
}

/** Newest first; the caller holds the lock of the model. */
export async function readSeries(client: PoolClient, series: Series): Promise<PriceRecord[]> {
  const { rows } = await client.query<PriceRow>(
    `${selectPrice} where v.model_id = $1 and deployment_id is not distinct from $2::bigint
     order by valid_from desc`,
    [series.modelId, series.deploymentId ?? null],
  );
  return rows.map(toPriceRecord);
}

/** Newest first, of one model or of all; those of deployments are among them. */
export async function listPrices(
  database: Database,
  options: PageRequest & { model?: string | undefined },
): Promise<Page<PriceRecord>> {
  const { rows } = await database.pool.query<PriceRow>(
    `select * from (${selectPrice} where $1::text is null or model.name = $1) price
     where $2 = 0 or (valid_from, price_version_id) <
       (select valid_from, price_version_id from price_version where price_version_id = $2)
     order by valid_from desc, price_version_id desc limit $3`,
    [options.model ?? null, idAfter(options), options.limit + 1],
  );
  return toPage(rows.map(toPriceRecord), options, (row) => String(row.priceVersionId));
}

/** What callers pay now, by model. */
export async function readCurrentPrices(
  client: PoolClient,
  modelIds: readonly bigint[],
): Promise<Map<bigint, PriceRecord>> {
  const { rows } = await client.query<PriceRow>(
    `select * from (${selectPrice} where v.model_id = any ($1::bigint[]) and deployment_id is null) price
     where valid_from <= clock_timestamp() and (valid_to is null or valid_to > clock_timestamp())`,
    [modelIds],
  );
  return new Map(rows.map((row) => [row.model_id, toPriceRecord(row)]));
}

export type AllPrices = {
  byModel: ReadonlyMap<bigint, readonly Price[]>;
  byDeployment: ReadonlyMap<bigint, readonly Price[]>;
};

/** All versions of all models that are offered, newest first, for the memory of a gateway. */
export async function readAllPrices(client: PoolClient): Promise<AllPrices> {
  const { rows } = await client.query<PriceRow>(
    `${selectPrice} where model.removed_at is null order by valid_from desc`,
  );
  const ofDeployments = rows.filter((row) => row.deployment_id !== null);
  const ofModels = rows.filter((row) => row.deployment_id === null);
  return {
    byModel: groupPrices(ofModels, (row) => row.model_id),
    byDeployment: groupPrices(ofDeployments, (row) => row.deployment_id as bigint),
  };
}

function groupPrices(
  rows: readonly PriceRow[],
  keyOf: (row: PriceRow) => bigint,
): Map<bigint, Price[]> {
  const groups = new Map<bigint, Price[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row)) ?? [];
    group.push(toPrice(row));
    groups.set(keyOf(row), group);
  }
  return groups;
}

const toPrice = (row: PriceRow): Price => ({
  priceVersionId: row.price_version_id,
  validFromMs: row.valid_from.getTime(),
  ...toTerms(row.cells.map(toCell)),
});

const toPriceRecord = (row: PriceRow): PriceRecord => ({
  ...toPrice(row),
  model: row.model,
  deployment:
    row.deployment_id === null
      ? null
      : {
          deploymentId: row.deployment_id,
          provider: row.provider ?? "",
          upstreamModel: row.upstream_model ?? "",
        },
  source: row.source,
  validFrom: row.valid_from,
  validTo: row.valid_to,
});

const toCell = ([serviceTier, aboveInputTokens, quantity, text]: StoredCell): PriceCell => ({
  serviceTier,
  aboveInputTokens,
  quantity,
  picos: picos(BigInt(text)),
});
