/** Price versions on PostgreSQL: rows are added and never changed, which a trigger of the table enforces. */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { type Picos, picos } from "../../lib/money.ts";
import type { QuantityName } from "../../lib/quantities.ts";
import { violatedConstraint } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { idAfter, type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import { completeTerms, type Price, type PriceTerms } from "./price.ts";
import type { PriceRecord } from "./records.ts";

type PriceRow = {
  price_version_id: bigint;
  model_id: bigint;
  model: string;
  valid_from: Date;
  valid_to: Date | null;
  /** Pico-dollars as text: JSON numbers would lose digits. */
  picos: Record<string, string>;
};

const selectPrice = `
  select price_version_id, model_id, model.name as model, valid_from,
    lead(valid_from) over (partition by model_id order by valid_from) as valid_to,
    (select jsonb_object_agg(quantity, picos_per_unit::text) from price_component
     where price_component.price_version_id = price_version.price_version_id) as picos
  from price_version join model using (model_id)`;

/** From now if `validFrom` is undefined. The caller holds the lock of the model. */
export async function insertPrice(
  client: PoolClient,
  options: { modelId: bigint; terms: PriceTerms; validFrom?: Date | undefined },
): Promise<bigint> {
  try {
    const { rows } = await client.query<{ price_version_id: bigint }>(
      `insert into price_version (model_id, valid_from)
       values ($1, greatest($2::timestamptz, clock_timestamp())) returning price_version_id`,
      [options.modelId, options.validFrom ?? null],
    );
    const priceVersionId = rows[0]?.price_version_id;
    assert(priceVersionId !== undefined, "insert into price_version returned no row");
    const terms = completeTerms(options.terms);
    await client.query(
      `insert into price_component (price_version_id, quantity, picos_per_unit)
       select $1, quantity, picos from unnest($2::text[], $3::bigint[]) as term (quantity, picos)`,
      [priceVersionId, Object.keys(terms), Object.values(terms)],
    );
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
       where model_id in (select model_id from price_version where price_version_id = any ($1::bigint[]))
     ) price where price_version_id = any ($1::bigint[])`,
    [priceVersionIds],
  );
  return rows.map(toPriceRecord);
}

/** Newest first, of one model or of all. */
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

/** The versions in force, by model. */
export async function readCurrentPrices(
  client: PoolClient,
  modelIds: readonly bigint[],
): Promise<Map<bigint, PriceRecord>> {
  const { rows } = await client.query<PriceRow>(
    `select * from (${selectPrice} where model_id = any ($1::bigint[])) price
     where valid_from <= clock_timestamp() and (valid_to is null or valid_to > clock_timestamp())`,
    [modelIds],
  );
  return new Map(rows.map((row) => [row.model_id, toPriceRecord(row)]));
}

/** All versions of all models that are offered, newest first, for the memory of a gateway. */
export async function readAllPrices(client: PoolClient): Promise<Map<bigint, Price[]>> {
  const { rows } = await client.query<PriceRow>(
    `${selectPrice} where model.removed_at is null order by valid_from desc`,
  );
  const prices = new Map<bigint, Price[]>();
  for (const row of rows) {
    const ofModel = prices.get(row.model_id) ?? [];
    ofModel.push({
      priceVersionId: row.price_version_id,
      validFromMs: row.valid_from.getTime(),
      picos: toTerms(row.picos),
    });
    prices.set(row.model_id, ofModel);
  }
  return prices;
}

const toPriceRecord = (row: PriceRow): PriceRecord => ({
  priceVersionId: row.price_version_id,
  model: row.model,
  validFrom: row.valid_from,
  validTo: row.valid_to,
  picos: toTerms(row.picos),
});

const toTerms = (terms: Record<string, string>): Partial<Record<QuantityName, Picos>> =>
  Object.fromEntries(Object.entries(terms).map(([name, text]) => [name, picos(BigInt(text))]));
