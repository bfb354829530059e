/**
 * Real databases for tests. One throw-away server per run, a template migrated once, and a fresh copy of it
 * for whoever asks: about 50 ms each, safe in parallel.
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type Database, openDatabase } from "../../src/platform/db/database.ts";
import { migrate } from "../../src/platform/db/migrate.ts";
import { silentLog } from "../../src/platform/log.ts";
import { prepareBinaries } from "../../src/platform/postgres/binaries.ts";
import { makeFolder, startServer } from "../../src/platform/postgres/server.ts";
import { readServerUser } from "../../src/platform/postgres/server-user.ts";

export const migrationsFolder = join(import.meta.dir, "..", "..", "migrations");

/** `scripts/test.ts` starts one server for all test processes and names it here. */
const SHARED_SERVER = "BASELOAD_TEST_POSTGRES_URL";
const TEMPLATE_LOCK = 0x7465_7374;

export type TestDatabase = { url: string; database: Database } & AsyncDisposable;

/** A fresh database with the current schema. `await using db = await openTestDatabase()` drops it at the end. */
export async function openTestDatabase(): Promise<TestDatabase> {
  return await createDatabase("test", `template ${await testTemplate()}`);
}

/** An empty database without a schema, for tests of migrations. */
export async function openEmptyDatabase(): Promise<TestDatabase> {
  return await createDatabase("empty", "");
}

async function createDatabase(kind: string, options: string): Promise<TestDatabase> {
  const server = await testServer();
  const name = `${kind}_${randomBytes(8).toString("hex")}`;
  await onServer(server, (client) => client.query(`create database ${name} ${options}`));
  const url = withDatabase(server, name);
  const database = openDatabase({ url, poolSize: 10, applicationName: "baseload test" });
  return {
    url,
    database,
    async [Symbol.asyncDispose]() {
      await database.close();
      await onServer(server, (client) =>
        client.query(`drop database if exists ${name} with (force)`),
      );
    },
  };
}

/**
 * Starts a server whose data needs not survive. It ends with this process, however that ends: a small shell
 * waits on a pipe from us, and cleans up when the pipe closes.
 */
export async function startTestPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const root = mkdtempSync(join(tmpdir(), "baseload-test-postgres-"));
  const user = readServerUser();
  chmodSync(root, 0o755);
  const folder = join(root, "server");
  makeFolder(folder, user);
  mkdirSync(join(root, "programs"), { mode: 0o755 });
  const server = await startServer({
    root: folder,
    user,
    binaries: prepareBinaries({
      mustBeReachableByOthers: user !== undefined,
      copyTo: join(root, "programs"),
      log: silentLog,
    }),
    password: randomBytes(32).toString("hex"),
    logFile: join(root, "postgres.log"),
    settings: {
      fsync: "off",
      full_page_writes: "off",
      synchronous_commit: "off",
      shared_buffers: "64MB",
      max_connections: "300",
      jit: "off",
      timezone: "UTC",
    },
    log: silentLog,
  });
  cleanUpAfterThisProcess(server.pid, root);
  return { url: server.url, stop: server.stop };
}

function cleanUpAfterThisProcess(pid: number, root: string): void {
  const guard = spawn(
    "sh",
    [
      "-c",
      'cat >/dev/null; kill -QUIT "$0" 2>/dev/null; sleep 0.3; rm -rf "$1"',
      String(pid),
      root,
    ],
    { stdio: ["pipe", "ignore", "ignore"], detached: true },
  );
  guard.unref();
  (guard.stdin as unknown as { unref?: () => void } | null)?.unref?.();
}

let startedServer: Promise<string> | undefined;
let migratedTemplate: Promise<string> | undefined;

function testServer(): Promise<string> {
  const shared = process.env[SHARED_SERVER];
  if (shared !== undefined && shared !== "") return Promise.resolve(shared);
  startedServer ??= startTestPostgres().then((server) => server.url);
  return startedServer;
}

function testTemplate(): Promise<string> {
  migratedTemplate ??= testServer().then(makeTemplate);
  return migratedTemplate;
}

/** The name carries a hash of the migrations: several processes share one template, and a change makes a new one. */
async function makeTemplate(server: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of readdirSync(migrationsFolder).sort()) {
    hash.update(file).update(readFileSync(join(migrationsFolder, file)));
  }
  const name = `template_${hash.digest("hex").slice(0, 16)}`;
  await onServer(server, async (client) => {
    await client.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    const found = await client.query("select from pg_database where datname = $1", [name]);
    if (found.rowCount !== 0) return;
    const draft = `${name}_draft`;
    await client.query(`drop database if exists ${draft} with (force)`);
    await client.query(`create database ${draft}`);
    const database = openDatabase({
      url: withDatabase(server, draft),
      poolSize: 1,
      applicationName: "baseload test template",
    });
    await migrate(database, migrationsFolder).finally(() => database.close());
    await client.query(`alter database ${draft} rename to ${name}`);
  });
  return name;
}

async function onServer(url: string, fn: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(url, "postgres") });
  await client.connect();
  await fn(client).finally(() => client.end());
}

/** Not `new URL()`: an address on a socket has no host, which it refuses. */
const withDatabase = (url: string, name: string): string =>
  url.replace(/^([a-z]+:\/\/[^/]*\/)[^?]*/, `$1${name}`);
