/** Keys on PostgreSQL. */
import type { PoolClient } from "pg";
import { Failure } from "../../lib/errors.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import { generateKey, hmacKey, parseKey } from "./keys.ts";
import type { Principal } from "./principal.ts";
import { assertBudgetMakesSense, type Key, type NewKey } from "./records.ts";
import {
  type KeyRow,
  type PrincipalRow,
  selectKey,
  selectPrincipal,
  toKey,
  toPrincipal,
} from "./rows.ts";
import {
  insertOrganization,
  insertProject,
  lockOrganization,
  lockProject,
  openBudget,
} from "./store.ts";

/** So long a gateway still tells the owner of a revoked key what happened to it. */
const REVOKED_KEYS_KNOWN_FOR = "30 days";

/** Creates the organization and the project too when they are missing. The text of the key is in the answer only. */
export async function createKey(
  database: Database,
  options: NewKey & { pepper: string; actor: string },
): Promise<{ key: Key; text: string }> {
  assertBudgetMakesSense(options.budget, options.mode);
  return await database.transact(async (client) => {
    const { actor } = options;
    const organization =
      (await lockOrganization(client, options.organization)) ??
      (await insertOrganization(client, { name: options.organization, actor }));
    const project =
      (await lockProject(client, organization, options.project)) ??
      (await insertProject(client, { organization, name: options.project, actor }));
    const walletId = await openBudget(client, "key", options.budget);
    const { keyId, key: text } = generateKey(options.mode);
    await client.query(
      `insert into api_key (key_id, project_id, name, mode, key_hmac, wallet_id, rpm, tpm, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        keyId,
        project.projectId,
        options.name,
        options.mode,
        hmacKey(options.pepper, text),
        walletId,
        options.rpm ?? null,
        options.tpm ?? null,
        options.expiresAt ?? null,
      ],
    );
    await recordChange(client, {
      actor,
      action: "key.create",
      subject: keyId,
      detail: { organization: organization.name, project: project.name, name: options.name },
    });
    return { key: await readKey(client, keyId), text };
  });
}

/** Revoking a revoked key changes nothing; one in its grace is revoked now. */
export async function revokeKey(
  database: Database,
  options: { keyId: string; actor: string },
): Promise<Key> {
  return await database.transact(async (client) => {
    const { rowCount } = await client.query(
      `update api_key set revoked_at = now() where key_id = $1 and (revoked_at is null or revoked_at > now())`,
      [options.keyId],
    );
    if (rowCount === 1) {
      await recordChange(client, {
        actor: options.actor,
        action: "key.revoke",
        subject: options.keyId,
      });
    }
    return await readKey(client, options.keyId);
  });
}

/** The new key has the settings and the budget of the old one, which works on for the grace. */
export async function rotateKey(
  database: Database,
  options: { keyId: string; graceSeconds: number; pepper: string; actor: string },
): Promise<{ key: Key; text: string }> {
  return await database.transact(async (client) => {
    const old = await lockLiveKey(client, options.keyId);
    const { keyId, key: text } = generateKey(old.mode);
    await client.query(
      `insert into api_key (key_id, project_id, name, mode, key_hmac, wallet_id, rpm, tpm, concurrency, priority, expires_at, replaces_key_id)
       select $1, project_id, name, mode, $2, wallet_id, rpm, tpm, concurrency, priority, expires_at, key_id from api_key where key_id = $3`,
      [keyId, hmacKey(options.pepper, text), options.keyId],
    );
    await client.query(
      "update api_key set revoked_at = now() + make_interval(secs => $2) where key_id = $1",
      [options.keyId, options.graceSeconds],
    );
    await recordChange(client, {
      actor: options.actor,
      action: "key.rotate",
      subject: options.keyId,
      detail: { new_key_id: keyId, grace_seconds: options.graceSeconds },
    });
    return { key: await readKey(client, keyId), text };
  });
}

/** Oldest first. Narrowed to an organization, and within it to a project. */
export async function listKeys(
  database: Database,
  options: PageRequest & { organization?: string | undefined; project?: string | undefined },
): Promise<Page<Key>> {
  const { rows } = await database.pool.query<KeyRow>(
    `${selectKey}
     where ($1::text is null or organization.name = $1) and ($2::text is null or project.name = $2)
       and ($3::text is null or (api_key.created_at, key_id) >
         (select created_at, key_id from api_key where key_id = $3))
     order by api_key.created_at, key_id limit $4`,
    [
      options.organization ?? null,
      options.project ?? null,
      options.after ?? null,
      options.limit + 1,
    ],
  );
  return toPage(rows.map(toKey), options, (row) => row.keyId);
}

/** All keys by id, for the memory of a gateway. Long revoked ones are left out. */
export async function readPrincipals(database: Database): Promise<Map<string, Principal>> {
  const { rows } = await database.pool.query<PrincipalRow>(
    `${selectPrincipal}
     where revoked_at is null or revoked_at > now() - $1::interval`,
    [REVOKED_KEYS_KNOWN_FOR],
  );
  return new Map(rows.map((row) => [row.key_id, toPrincipal(row)]));
}

/** A key that still works and is not being replaced already. */
async function lockLiveKey(client: PoolClient, keyId: string): Promise<Key> {
  const { rows } = await client.query<{ is_expired: boolean | null }>(
    "select expires_at <= now() as is_expired from api_key where key_id = $1 for update",
    [keyId],
  );
  const key = await readKey(client, keyId);
  if (rows[0]?.is_expired === true) {
    throw new Failure("conflict", `Key '${keyId}' has expired. Create a new one instead.`, {
      param: "id",
    });
  }
  if (key.revokedAt !== null) {
    throw new Failure(
      "conflict",
      `Key '${keyId}' is revoked or already rotated. Rotate the key that replaced it, or create a new one.`,
      { param: "id" },
    );
  }
  return key;
}

async function readKey(client: PoolClient, keyId: string): Promise<Key> {
  const { rows } = await client.query<KeyRow>(`${selectKey} where key_id = $1`, [keyId]);
  if (rows[0] !== undefined) return toKey(rows[0]);
  // Whoever pastes the key itself must not find it in logs and on screens again.
  const isKeyItself = parseKey(keyId) !== undefined;
  throw new Failure(
    "not_found",
    isKeyItself
      ? "This is a key, not its id: give the part between the first and the second underscore."
      : `There is no key with the id '${keyId}'. 'baseload key list' shows the ids.`,
    { param: "id", code: "key_not_found" },
  );
}
