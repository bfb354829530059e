/** Finding one provider by its name, and holding it. */
import type { PoolClient } from "pg";
import { Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";

/** Names that are compared to find the one that was meant. */
const NAMES_MAX = 1_000;

/**
 * Holds the provider until the transaction ends, so that it cannot be removed while a deployment or a credential is
 * added.
 */
export async function lockProvider(
  client: PoolClient,
  name: string,
): Promise<{ provider_id: bigint }> {
  const { rows } = await client.query<{ provider_id: bigint }>(
    "select provider_id from provider where name = $1 and removed_at is null for update",
    [name],
  );
  if (rows[0] === undefined) throw await noSuchProvider(client, name);
  return rows[0];
}

export async function noSuchProvider(
  client: Pick<PoolClient, "query">,
  name: string,
): Promise<Failure> {
  const { rows } = await client.query<{ name: string }>(
    "select name from provider where removed_at is null order by provider_id desc limit $1",
    [NAMES_MAX],
  );
  const hint = didYouMean(
    name,
    rows.map((row) => row.name),
  );
  return new Failure(
    "not_found",
    `There is no provider '${name}'.${hint} 'baseload provider list' shows those that are connected.`,
    { param: "provider", code: "provider_not_found" },
  );
}
