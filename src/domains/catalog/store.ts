/** Providers on PostgreSQL. A removed provider keeps its row, because usage refers to it; its name can be used again. */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { idAfter, type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import type { Credential, Provider } from "./catalog.ts";
import {
  eraseCredentials,
  readCredentialNames,
  readCredentials,
  replaceCredentials,
} from "./credential-store.ts";
import { lockProvider, noSuchProvider } from "./named-provider-store.ts";
import type { NewProvider, ProviderRecord } from "./records.ts";

/** Names listed in a message. */
const NAMES_SHOWN_MAX = 5;

type ProviderRow = {
  provider_id: bigint;
  name: string;
  dialect: string;
  base_url: string;
  region: string | null;
  allow_private: boolean;
  quirks: Record<string, unknown>;
  created_at: Date;
  removed_at: Date | null;
};

const columns =
  "provider_id, name, dialect, base_url, region, allow_private, quirks, created_at, removed_at";

/**
 * Connects a provider. A name that is in use is refused, unless `replace` says that the provider has moved: then
 * all its settings change in place and its deployments stay. Its credentials are erased, because they may not be meant
 * for the new address; the one that is given is the only one then.
 */
export async function createProvider(
  database: Database,
  options: NewProvider & { sealKey: string; actor: string; replace?: boolean },
): Promise<ProviderRecord> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<ProviderRow>(
      `insert into provider (name, dialect, base_url, region, allow_private, quirks)
       values ($1, $2, $3, $4, $5, $6)
       on conflict on constraint provider_name_is_unique do update set
         dialect = excluded.dialect, base_url = excluded.base_url, region = excluded.region,
         allow_private = excluded.allow_private, quirks = excluded.quirks, removed_at = null
       where provider.removed_at is not null or $7
       returning ${columns}`,
      [
        options.name,
        options.dialect,
        toBaseUrl(options.baseUrl),
        options.region ?? null,
        options.allowPrivate,
        JSON.stringify(options.quirks),
        options.replace ?? false,
      ],
    );
    const row = rows[0];
    if (row === undefined) {
      throw new Failure(
        "conflict",
        `There is already a provider '${options.name}'. Replace its settings with 'replace', or choose another name.`,
        { param: "name", code: "provider_exists" },
      );
    }
    await replaceCredentials(client, {
      providerId: row.provider_id,
      value: options.credential,
      sealKey: options.sealKey,
    });
    await recordChange(client, {
      actor: options.actor,
      action: "provider.create",
      subject: options.name,
      detail: { base_url: row.base_url, allow_private: options.allowPrivate },
    });
    return await toProviderRecord(client, row);
  });
}

export async function listProviders(
  database: Database,
  page: PageRequest,
): Promise<Page<ProviderRecord>> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<ProviderRow>(
      `select ${columns} from provider where removed_at is null and provider_id > $1
       order by provider_id limit $2`,
      [idAfter(page), page.limit + 1],
    );
    return toPage(await toProviderRecords(client, rows), page, (row) => String(row.providerId));
  });
}

/** Only a provider that serves nothing can go: removing what is in use would fail calls in flight to plan. */
export async function removeProvider(
  database: Database,
  options: { name: string; actor: string },
): Promise<ProviderRecord> {
  return await database.transact(async (client) => {
    const { provider_id } = await lockProvider(client, options.name);
    const models = await client.query<{ name: string }>(
      `select distinct model.name from deployment join model using (model_id)
       where provider_id = $1 and deployment.removed_at is null order by 1 limit $2`,
      [provider_id, NAMES_SHOWN_MAX],
    );
    if (models.rows.length > 0) {
      const names = models.rows.map((row) => `'${row.name}'`).join(", ");
      throw new Failure(
        "conflict",
        `Provider '${options.name}' still serves ${names}. Remove these models first.`,
        { param: "name", code: "provider_in_use" },
      );
    }
    await eraseCredentials(client, provider_id);
    const { rows } = await client.query<ProviderRow>(
      `update provider set removed_at = now() where provider_id = $1 returning ${columns}`,
      [provider_id],
    );
    await recordChange(client, {
      actor: options.actor,
      action: "provider.remove",
      subject: options.name,
    });
    return await toProviderRecord(client, rows[0] as ProviderRow);
  });
}

/** With its credentials in clear, for whoever calls the provider now. */
export async function readProvider(
  database: Database,
  options: { name: string; sealKey: string },
): Promise<Provider> {
  const { rows } = await database.pool.query<ProviderRow>(
    `select ${columns} from provider where name = $1 and removed_at is null`,
    [options.name],
  );
  if (rows[0] === undefined) throw await noSuchProvider(database.pool, options.name);
  const providerId = rows[0].provider_id;
  const credentials = await readCredentials(database.pool, { ...options, providerId });
  return toProvider(rows[0], credentials);
}

/** Paths are appended to it, so it ends without a slash. */
function toBaseUrl(text: string): string {
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new Failure(
      "invalid",
      "base_url must be an address and a path only. Give a credential as the provider's API key.",
      { param: "base_url" },
    );
  }
  return url.href.replace(/\/+$/, "");
}

async function toProviderRecord(client: PoolClient, row: ProviderRow): Promise<ProviderRecord> {
  const [record] = await toProviderRecords(client, [row]);
  assert(record !== undefined, "one row makes one record");
  return record;
}

async function toProviderRecords(
  client: PoolClient,
  rows: readonly ProviderRow[],
): Promise<ProviderRecord[]> {
  const names = await readCredentialNames(
    client,
    rows.map((row) => row.provider_id),
  );
  return rows.map((row) => ({
    providerId: row.provider_id,
    name: row.name,
    dialect: row.dialect,
    baseUrl: row.base_url,
    region: row.region,
    credentials: names.get(row.provider_id) ?? [],
    allowPrivate: row.allow_private,
    quirks: row.quirks,
    createdAt: row.created_at,
    removedAt: row.removed_at,
  }));
}

const toProvider = (
  row: ProviderRow,
  credentials: ReadonlyMap<bigint, readonly Credential[]>,
): Provider => ({
  providerId: row.provider_id,
  name: row.name,
  dialect: row.dialect,
  baseUrl: row.base_url,
  region: row.region,
  credentials: credentials.get(row.provider_id) ?? [],
  allowPrivate: row.allow_private,
  quirks: row.quirks,
});

/** Providers by id, with their credentials in clear. */
export async function readProviders(
  client: PoolClient,
  options: { sealKey: string; removedToo: boolean },
): Promise<Map<bigint, Provider>> {
  const { rows } = await client.query<ProviderRow>(
    `select ${columns} from provider where removed_at is null or $1`,
    [options.removedToo],
  );
  const credentials = await readCredentials(client, options);
  return new Map(rows.map((row) => [row.provider_id, toProvider(row, credentials)]));
}
