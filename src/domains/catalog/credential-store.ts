/** Credentials of providers on PostgreSQL: sealed while they live, erased when they are removed. */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { seal, unseal } from "../../platform/crypto.ts";
import { recordChange, violatedConstraint } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Credential } from "./catalog.ts";
import { lockProvider } from "./named-provider-store.ts";
import type { CredentialRecord } from "./records.ts";

/** The name of the one that comes with the provider. */
const FIRST_CREDENTIAL = "default";
/** A plan has a candidate for each deployment and credential: more would never be tried in one call. */
const CREDENTIALS_MAX = 32;

type CredentialRow = {
  provider_credential_id: bigint;
  provider_id: bigint;
  name: string;
  sealed_value: Buffer | null;
  weight: number;
  created_at: Date;
  removed_at: Date | null;
};

const columns =
  "provider_credential_id, provider_id, name, sealed_value, weight, created_at, removed_at";

/** Live credentials by provider, in clear, in the order in which they were added. */
export async function readCredentials(
  client: Pick<PoolClient, "query">,
  options: { sealKey: string; providerId?: bigint },
): Promise<Map<bigint, Credential[]>> {
  const { rows } = await client.query<CredentialRow>(
    `select ${columns} from provider_credential
     where removed_at is null and ($1::bigint is null or provider_id = $1)
     order by provider_credential_id`,
    [options.providerId ?? null],
  );
  const credentials = new Map<bigint, Credential[]>();
  for (const row of rows) {
    const ofProvider = credentials.get(row.provider_id) ?? [];
    ofProvider.push(toCredential(row, options.sealKey));
    credentials.set(row.provider_id, ofProvider);
  }
  return credentials;
}

/** Names of live credentials by provider, in the order in which they were added. */
export async function readCredentialNames(
  client: Pick<PoolClient, "query">,
  providerIds: readonly bigint[],
): Promise<Map<bigint, string[]>> {
  const { rows } = await client.query<{ provider_id: bigint; names: string[] }>(
    `select provider_id, array_agg(name order by provider_credential_id) as names
     from provider_credential where removed_at is null and provider_id = any ($1::bigint[])
     group by provider_id`,
    [providerIds],
  );
  return new Map(rows.map((row) => [row.provider_id, row.names]));
}

/** Another credential for a provider; calls are spread over all of them by weight. */
export async function addCredential(
  database: Database,
  options: {
    provider: string;
    name: string;
    value: string;
    weight: number;
    sealKey: string;
    actor: string;
  },
): Promise<CredentialRecord> {
  return await database.transact(async (client) => {
    const { provider_id } = await lockProvider(client, options.provider);
    await assertRoom(client, provider_id);
    const row = await insertCredential(client, { ...options, providerId: provider_id });
    await recordChange(client, {
      actor: options.actor,
      action: "provider.credential.create",
      subject: options.provider,
      detail: { credential: options.name, weight: options.weight },
    });
    return toRecord(row);
  });
}

export async function listCredentials(
  database: Database,
  provider: string,
): Promise<CredentialRecord[]> {
  return await database.transact(async (client) => {
    const { provider_id } = await lockProvider(client, provider);
    return (await readLive(client, provider_id)).map(toRecord);
  });
}

/** Calls under way end as they are; the next snapshot of a gateway no longer holds it. */
export async function removeCredential(
  database: Database,
  options: { provider: string; name: string; actor: string },
): Promise<CredentialRecord> {
  return await database.transact(async (client) => {
    const { provider_id } = await lockProvider(client, options.provider);
    const { rows } = await client.query<CredentialRow>(
      `update provider_credential set removed_at = now(), sealed_value = null
       where provider_id = $1 and name = $2 and removed_at is null returning ${columns}`,
      [provider_id, options.name],
    );
    if (rows[0] === undefined) throw await noSuchCredential(client, provider_id, options);
    await recordChange(client, {
      actor: options.actor,
      action: "provider.credential.remove",
      subject: options.provider,
      detail: { credential: options.name },
    });
    return toRecord(rows[0]);
  });
}

/** The provider's row is locked by the caller, so that two cannot write at once. */
export async function replaceCredentials(
  client: PoolClient,
  options: { providerId: bigint; value: string | undefined; sealKey: string },
): Promise<void> {
  await eraseCredentials(client, options.providerId);
  if (options.value === undefined) return;
  const { value } = options;
  await insertCredential(client, { ...options, value, name: FIRST_CREDENTIAL, weight: 1 });
}

export async function eraseCredentials(client: PoolClient, providerId: bigint): Promise<void> {
  await client.query(
    `update provider_credential set removed_at = now(), sealed_value = null
     where provider_id = $1 and removed_at is null`,
    [providerId],
  );
}

async function insertCredential(
  client: PoolClient,
  options: { providerId: bigint; name: string; value: string; weight: number; sealKey: string },
): Promise<CredentialRow> {
  try {
    const { rows } = await client.query<CredentialRow>(
      `insert into provider_credential (provider_id, name, sealed_value, weight)
       values ($1, $2, $3, $4) returning ${columns}`,
      [options.providerId, options.name, seal(options.sealKey, options.value), options.weight],
    );
    assert(rows[0] !== undefined, "an insert returns its row");
    return rows[0];
  } catch (error) {
    if (violatedConstraint(error) !== "provider_credential_is_unique_while_it_lives") throw error;
    throw new Failure(
      "conflict",
      `There is already a credential '${options.name}'. Remove it first, or choose another name.`,
      { param: "name", code: "credential_exists" },
    );
  }
}

async function assertRoom(client: PoolClient, providerId: bigint): Promise<void> {
  if ((await readLive(client, providerId)).length < CREDENTIALS_MAX) return;
  throw new Failure(
    "conflict",
    `A provider has at most ${CREDENTIALS_MAX} credentials. Remove one first.`,
    { code: "too_many_credentials" },
  );
}

async function readLive(client: PoolClient, providerId: bigint): Promise<CredentialRow[]> {
  const { rows } = await client.query<CredentialRow>(
    `select ${columns} from provider_credential where provider_id = $1 and removed_at is null
     order by provider_credential_id`,
    [providerId],
  );
  return rows;
}

async function noSuchCredential(
  client: PoolClient,
  providerId: bigint,
  { provider, name }: { provider: string; name: string },
): Promise<Failure> {
  const names = (await readLive(client, providerId)).map((row) => row.name);
  return new Failure(
    "not_found",
    `The provider '${provider}' has no credential '${name}'.${didYouMean(name, names)} 'baseload provider credential list ${provider}' shows those it has.`,
    { param: "credential", code: "credential_not_found" },
  );
}

function toCredential(row: CredentialRow, sealKey: string): Credential {
  assert(row.sealed_value !== null, "a credential that lives has a value");
  return {
    credentialId: row.provider_credential_id,
    name: row.name,
    value: unseal(sealKey, row.sealed_value),
    weight: row.weight,
  };
}

const toRecord = (row: CredentialRow): CredentialRecord => ({
  credentialId: row.provider_credential_id,
  name: row.name,
  weight: row.weight,
  createdAt: row.created_at,
  removedAt: row.removed_at,
});
