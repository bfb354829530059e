/**
 * Routes on PostgreSQL. A version is written once; what changes is which one a route points to. Locks are taken in one
 * order: the route, then the names by which it is called.
 */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { recordChange, violatedConstraint } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { idAfter, type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import type { RouteDefinition } from "./definition.ts";
import type { RouteRecord } from "./records.ts";
import { type Route, toRoute } from "./route.ts";

/** Names that are compared to find the one that was meant. */
const NAMES_MAX = 1_000;

type VersionRow = {
  route_id: bigint;
  name: string;
  current_version: number | null;
  version: number;
  definition: RouteDefinition;
  restores: number | null;
  actor: string;
  created_at: Date;
};

const selectVersion = `
  select route.route_id, route.name, route.current_version, version, definition, restores, actor,
    route_version.created_at
  from route join route_version using (route_id)`;

/**
 * Adds a version and makes it the one in force. A definition that is in force already adds none, so that a script may
 * set its routes again and again. A removed route comes back with its history.
 */
export async function setRoute(
  database: Database,
  options: { name: string; definition: RouteDefinition; actor: string },
): Promise<RouteRecord> {
  return await database.transact(async (client) => {
    const { name, definition, actor } = options;
    await client.query(
      "insert into route (name) values ($1) on conflict on constraint route_name_is_unique do nothing",
      [name],
    );
    const { route_id, current_version } = await lockRoute(client, name);
    const { rowCount } = await client.query(
      "select from route_version where route_id = $1 and version = $2 and definition = $3",
      [route_id, current_version, JSON.stringify(definition)],
    );
    if (rowCount === 1) return await readVersion(client, { name, version: undefined });
    return await addVersion(client, { routeId: route_id, name, definition, restores: null, actor });
  });
}

/**
 * Adds a version that says what the one before the current said, or what the version `to` said. Undoing again goes
 * further back. A removed route comes back as it was last.
 */
export async function undoRoute(
  database: Database,
  options: { name: string; to?: number | undefined; actor: string },
): Promise<RouteRecord> {
  return await database.transact(async (client) => {
    const { name, actor } = options;
    const { route_id, current_version } = await lockRoute(client, name);
    const restores = options.to ?? (await versionBefore(client, { name, current_version }));
    const { definition } = await readVersion(client, { name, version: restores });
    return await addVersion(client, { routeId: route_id, name, definition, restores, actor });
  });
}

/** Takes the route out of force: its name means the model of that name again, or nothing. Versions stay. */
export async function removeRoute(
  database: Database,
  options: { name: string; actor: string },
): Promise<RouteRecord> {
  return await database.transact(async (client) => {
    const { route_id, current_version } = await lockRoute(client, options.name);
    if (current_version === null) throw await noSuchRoute(client, options.name);
    const last = await readVersion(client, { name: options.name, version: undefined });
    await client.query("delete from route_called where route_id = $1", [route_id]);
    await client.query("update route set current_version = null where route_id = $1", [route_id]);
    await recordChange(client, {
      actor: options.actor,
      action: "route.remove",
      subject: options.name,
      detail: { version: current_version },
    });
    return { ...last, currentVersion: null };
  });
}

/** @param version undefined: the one in force. */
export async function readRoute(
  database: Database,
  options: { name: string; version?: number | undefined },
): Promise<RouteRecord> {
  return await readVersion(database.pool, { ...options, version: options.version });
}

/** Routes in force, oldest first. */
export async function listRoutes(
  database: Database,
  page: PageRequest,
): Promise<Page<RouteRecord>> {
  const { rows } = await database.pool.query<VersionRow>(
    `${selectVersion} where version = current_version and route_id > $1 order by route_id limit $2`,
    [idAfter(page), page.limit + 1],
  );
  return toPage(rows.map(toRecord), page, (row) => String(row.routeId));
}

/** All versions of a route, newest first, those of a removed one too. */
export async function listVersions(
  database: Database,
  options: PageRequest & { name: string },
): Promise<Page<RouteRecord>> {
  const before = options.after === undefined ? null : idAfter(options);
  const { rows } = await database.pool.query<VersionRow>(
    `${selectVersion} where name = $1 and ($2::bigint is null or version < $2) order by version desc limit $3`,
    [options.name, before, options.limit + 1],
  );
  if (rows.length === 0 && before === null) throw await noSuchRoute(database.pool, options.name);
  return toPage(rows.map(toRecord), options, (row) => String(row.version));
}

/** Every route in force by each name that it is called by, for the memory of a gateway. */
export async function readRoutes(database: Database): Promise<Map<string, Route>> {
  const { rows } = await database.pool.query<VersionRow & { called: string }>(
    `select route_called.name as called, route.name, version, definition
     from route_called join route using (route_id)
       join route_version on route_version.route_id = route.route_id and version = current_version`,
  );
  return new Map(rows.map((row) => [row.called, toRoute(row.name, row.version, row.definition)]));
}

type RouteRow = { route_id: bigint; current_version: number | null };

async function lockRoute(client: PoolClient, name: string): Promise<RouteRow> {
  const { rows } = await client.query<RouteRow>(
    "select route_id, current_version from route where name = $1 for update",
    [name],
  );
  if (rows[0] === undefined) throw await noSuchRoute(client, name);
  return rows[0];
}

async function addVersion(
  client: PoolClient,
  options: {
    routeId: bigint;
    name: string;
    definition: RouteDefinition;
    restores: number | null;
    actor: string;
  },
): Promise<RouteRecord> {
  const { routeId, name, definition, restores, actor } = options;
  const { rows } = await client.query<{ version: number }>(
    `insert into route_version (route_id, version, definition, restores, actor)
     select $1, coalesce(max(version), 0) + 1, $2, $3, $4 from route_version where route_id = $1
     returning version`,
    [routeId, JSON.stringify(definition), restores, actor],
  );
  const version = rows[0]?.version;
  assert(version !== undefined, "insert into route_version returned no row");
  await client.query("update route set current_version = $2 where route_id = $1", [
    routeId,
    version,
  ]);
  await callBy(client, { routeId, names: [name, ...(definition.aliases ?? [])] });
  await recordChange(client, {
    actor,
    action: restores === null ? "route.set" : "route.undo",
    subject: name,
    detail: restores === null ? { version } : { version, restores },
  });
  return await readVersion(client, { name, version });
}

/** One name means one route: the table refuses a name that another route has. */
async function callBy(
  client: PoolClient,
  { routeId, names }: { routeId: bigint; names: readonly string[] },
): Promise<void> {
  await client.query("delete from route_called where route_id = $1", [routeId]);
  try {
    await client.query(
      "insert into route_called (name, route_id) select name, $2 from unnest($1::text[]) as name order by name",
      [names, routeId],
    );
  } catch (error) {
    if (violatedConstraint(error) !== "route_is_called_by_one_name_only") throw error;
    throw new Failure(
      "conflict",
      `One of these names already calls another route: ${names.join(", ")}. 'baseload route list' shows them.`,
      { param: "aliases", code: "route_name_taken" },
    );
  }
}

/** The version that an undo brings back. A version that was itself brought back stands for the one it brought. */
async function versionBefore(
  client: PoolClient,
  { name, current_version }: { name: string; current_version: number | null },
): Promise<number> {
  const { rows } = await client.query<{ before: number | null }>(
    `select case when $2::int is null then max(version)
       else max(coalesce(restores, version)) filter (where version = $2) - 1 end as before
     from route_version join route using (route_id) where name = $1`,
    [name, current_version],
  );
  const before = rows[0]?.before ?? 0;
  if (before > 0) return before;
  throw new Failure(
    "conflict",
    `Route '${name}' has no version before this one. Remove it, or set another.`,
    { param: "name", code: "nothing_to_undo" },
  );
}

async function readVersion(
  client: Pick<PoolClient, "query">,
  options: { name: string; version: number | undefined },
): Promise<RouteRecord> {
  const { rows } = await client.query<VersionRow>(
    `${selectVersion} where name = $1 and version = coalesce($2, current_version)`,
    [options.name, options.version ?? null],
  );
  if (rows[0] !== undefined) return toRecord(rows[0]);
  throw options.version === undefined
    ? await noSuchRoute(client, options.name)
    : new Failure(
        "not_found",
        `Route '${options.name}' has no version ${options.version}. 'baseload route history ${options.name}' shows them.`,
        { param: "version", code: "route_version_not_found" },
      );
}

async function noSuchRoute(client: Pick<PoolClient, "query">, name: string): Promise<Failure> {
  const { rows } = await client.query<{ name: string }>(
    "select name from route where current_version is not null order by route_id desc limit $1",
    [NAMES_MAX],
  );
  const hint = didYouMean(
    name,
    rows.map((row) => row.name),
  );
  return new Failure(
    "not_found",
    `There is no route '${name}'.${hint} 'baseload route list' shows them; a model without one is tried at its deployments, in order.`,
    { param: "name", code: "route_not_found" },
  );
}

const toRecord = (row: VersionRow): RouteRecord => ({
  routeId: row.route_id,
  name: row.name,
  version: row.version,
  currentVersion: row.current_version,
  definition: row.definition,
  restores: row.restores,
  actor: row.actor,
  createdAt: row.created_at,
});
