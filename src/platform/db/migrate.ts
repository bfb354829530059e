/**
 * Brings a database to the schema of this version: plain SQL files `NNNN-words.sql`, forward only, each in its
 * own transaction. Any number of processes may call this at once; one of them works, the others wait.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import type { Database } from "./database.ts";

type Migration = {
  version: number;
  name: string;
  sql: string;
  checksum: string;
  breaking: boolean;
};
type AppliedRow = { version: number; name: string; checksum: string; breaking: boolean };

/** Any fixed number that nothing else locks: "baseload" in ASCII, cut to 32 bits. */
const ADVISORY_LOCK = 0x6261_7365;
/** A large table may take long to rebuild; what waits for a lock this long will not get it. */
const LOCK_TIMEOUT_MS = 60_000;
const FILE_NAME = /^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.sql$/;
/** A file with this line changes what older versions of Baseload rely on: they refuse to start after it. */
const BREAKING = /^-- breaking\b/m;

export async function migrate(database: Database, folder: string): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(folder);
  const client = await database.pool.connect();
  let failed: Error | undefined;
  try {
    await client.query("set statement_timeout = 0");
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query("select pg_advisory_lock($1)", [ADVISORY_LOCK]);
    const pending = pendingOf(migrations, await readApplied(client));
    for (const migration of pending) await apply(client, migration);
    return { applied: pending.map((migration) => migration.name) };
  } catch (error) {
    failed = error instanceof Error ? error : new Error(String(error));
    throw failed;
  } finally {
    // The session's settings and its lock must not return to the pool: the connection is closed.
    client.release(failed ?? true);
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  assert(names.length > 0, `no migrations in ${folder}`);
  const migrations = await Promise.all(names.map((name) => readMigration(folder, name)));
  migrations.forEach((migration, index) => {
    const expected = index + 1;
    assert(
      migration.version === expected,
      `migrations are numbered without gaps: ${migration.name} should have number ${expected}`,
    );
  });
  return migrations;
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  const match = FILE_NAME.exec(name);
  assert(match !== null, `${name} is not named like 0001-some-words.sql`);
  const sql = await readFile(join(folder, name), "utf8");
  return {
    version: Number(match[1]),
    name,
    sql,
    checksum: createHash("sha256").update(sql).digest("hex"),
    breaking: BREAKING.test(sql),
  };
}

async function readApplied(client: pg.PoolClient): Promise<AppliedRow[]> {
  await client.query(`
    create table if not exists schema_migration (
      version integer primary key,
      name text not null,
      checksum text not null,
      breaking boolean not null,
      applied_at timestamptz not null default now()
    )`);
  const { rows } = await client.query<AppliedRow>(
    "select version, name, checksum, breaking from schema_migration order by version",
  );
  return rows;
}

/** What is still to be done, or a `Failure` that says why this version must not touch the database. */
function pendingOf(migrations: readonly Migration[], applied: readonly AppliedRow[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const row of applied) {
    const migration = known.get(row.version);
    if (migration === undefined) refuseNewerSchema(row, migrations.length);
    else if (migration.checksum !== row.checksum) refuseChangedFile(row);
  }
  const done = new Set(applied.map((row) => row.version));
  return migrations.filter((migration) => !done.has(migration.version));
}

/** A newer schema is harmless to this version unless its author marked it as breaking: upgrades roll. */
function refuseNewerSchema(row: AppliedRow, latest: number): void {
  if (!row.breaking) return;
  throw new Failure(
    "conflict",
    `The database was upgraded by a newer version of Baseload: migration ${row.name} is applied, this version ` +
      `knows only the first ${latest}. Start the newer version, or restore the backup from before the upgrade.`,
  );
}

function refuseChangedFile(row: AppliedRow): never {
  throw new Failure(
    "conflict",
    `Migration ${row.name} was changed after it had been applied to this database. ` +
      "Restore the file as it was, and put the change into a new migration.",
  );
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query("begin");
    // The row comes first: should two processes ever get here, the second one stops before it does harm.
    await client.query(
      "insert into schema_migration (version, name, checksum, breaking) values ($1, $2, $3, $4)",
      [migration.version, migration.name, migration.checksum, migration.breaking],
    );
    await client.query(migration.sql);
    await client.query("commit");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // The connection is closed by the caller, which rolls back.
    throw new Error(`migration ${migration.name} failed and was rolled back: ${reason}`, { cause });
  }
}
