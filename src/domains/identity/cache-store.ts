/** Which organizations have their answers kept, on PostgreSQL. The answers themselves are in the gateways' memory. */
import { Failure } from "../../lib/errors.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";

export type CacheSettings = { organization: string; ttlSeconds: number | null };

type Row = { cache_ttl_seconds: number | null };

/** Null: from the next call on nothing is kept or given again, unless a route says so. */
export const setCache = (
  database: Database,
  options: CacheSettings & { actor: string },
): Promise<CacheSettings> =>
  change(database, {
    ...options,
    action: "cache.set",
    detail: { ttl_seconds: options.ttlSeconds },
    statement:
      "update organization set cache_ttl_seconds = $2 where name = $1 returning cache_ttl_seconds",
    values: [options.ttlSeconds],
  });

/** No gateway gives an answer again that was made before, from the moment it hears of this. */
export const clearCache = (
  database: Database,
  options: { organization: string; actor: string },
): Promise<CacheSettings> =>
  change(database, {
    ...options,
    action: "cache.clear",
    detail: {},
    statement:
      "update organization set cache_epoch = cache_epoch + 1 where name = $1 returning cache_ttl_seconds",
    values: [],
  });

async function change(
  database: Database,
  options: {
    organization: string;
    actor: string;
    action: string;
    detail: Record<string, unknown>;
    statement: string;
    values: unknown[];
  },
): Promise<CacheSettings> {
  const { organization, actor, action, detail } = options;
  return await database.transact(async (client) => {
    const { rows } = await client.query<Row>(options.statement, [organization, ...options.values]);
    if (rows[0] === undefined) {
      throw new Failure("not_found", `There is no organization '${organization}'.`, {
        param: "name",
        code: "organization_not_found",
      });
    }
    await recordChange(client, { actor, action, subject: organization, detail });
    return { organization, ttlSeconds: rows[0].cache_ttl_seconds };
  });
}
