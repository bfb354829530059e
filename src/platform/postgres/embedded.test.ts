import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../db/database.ts";
import { silentLog } from "../log.ts";
import { embeddedUrlOf, postgresRootOf, startPostgres } from "./embedded.ts";
import { findPostmaster, isAlive } from "./postmaster.ts";
import type { Server } from "./server.ts";

describe("the embedded PostgreSQL", () => {
  let home: string;
  let servers: Server[];
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "baseload-embedded-"));
    servers = [];
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(postgresRootOf(home), { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  });

  const dataDirectory = () => join(postgresRootOf(home), "data");

  async function start(steps: string[] = []): Promise<Server> {
    const server = await startPostgres({
      home,
      log: silentLog,
      onStep: (step) => steps.push(step),
    });
    servers.push(server);
    return server;
  }

  async function withDatabase<T>(
    server: Server,
    fn: (database: Database) => Promise<T>,
  ): Promise<T> {
    const database = openDatabase({ url: server.url, poolSize: 1, applicationName: "test" });
    return await fn(database).finally(() => database.close());
  }

  const insert = (server: Server) =>
    withDatabase(server, (database) =>
      database.pool.query("create table if not exists t (n integer); insert into t values (1)"),
    );
  const count = (server: Server) =>
    withDatabase(server, async (database) => {
      const { rows } = await database.pool.query("select count(*)::integer as n from t");
      return rows[0].n;
    });

  test("is made once, and keeps its data and its address over a restart", async () => {
    const steps: string[] = [];
    const first = await start(steps);
    await insert(first);
    await first.stop();
    const second = await start(steps);

    expect(steps).toEqual(["initialize", "start", "start"]);
    expect(second.url).toBe(first.url);
    expect(embeddedUrlOf(home)).toBe(first.url);
    expect(await count(second)).toBe(1);
  });

  test("begins anew for a home that was deleted and made again", async () => {
    const first = await start();
    await first.stop();
    const oldRoot = postgresRootOf(home);
    rmSync(home, { recursive: true, force: true });

    const steps: string[] = [];
    await start(steps);

    expect(steps).toEqual(["initialize", "start"]);
    if (oldRoot !== postgresRootOf(home)) rmSync(oldRoot, { recursive: true, force: true });
  });

  test("is durable: nothing that protects a commit is off", async () => {
    const server = await start();

    const { rows } = await withDatabase(server, (database) =>
      database.pool.query(
        "select string_agg(name || '=' || setting, ' ' order by name) as settings from pg_settings " +
          "where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses', 'server_encoding')",
      ),
    );

    expect(rows[0].settings).toBe(
      "fsync=on full_page_writes=on listen_addresses= server_encoding=UTF8 synchronous_commit=on",
    );
  });

  test("asks for the password", async () => {
    const server = await start();
    const wrong = { ...server, url: server.url.replace(/:[0-9a-f]{64}@/, ":wrong@") };

    await expect(count(wrong)).rejects.toThrow("password authentication failed");
  });

  test("a server that outlived its supervisor is adopted and can be stopped", async () => {
    const first = await start();
    await insert(first);
    const steps: string[] = [];

    const adopted = await start(steps);

    expect(steps).toEqual(["adopt"]);
    expect(adopted.pid).toBe(first.pid);
    expect(await count(adopted)).toBe(1);
    await adopted.stop();
    expect(isAlive(first.pid)).toBe(false);
    expect(findPostmaster(dataDirectory())).toBeUndefined();
  });

  test("after kill -9 it recovers what was committed", async () => {
    const first = await start();
    await insert(first);
    process.kill(first.pid, "SIGKILL");
    await first.exited;

    expect(await count(await start())).toBe(1);
  });

  test("a pid file whose number now belongs to another process does not stop it", async () => {
    const first = await start();
    await insert(first);
    process.kill(first.pid, "SIGKILL");
    await first.exited;
    const other = Bun.spawn(["sleep", "60"]);
    writeFileSync(join(dataDirectory(), "postmaster.pid"), `${other.pid}\n${dataDirectory()}\n`);

    const steps: string[] = [];
    const second = await start(steps);

    other.kill();
    expect(steps).toEqual(["start"]);
    expect(await count(second)).toBe(1);
  });

  test("a data directory of another PostgreSQL version is refused", async () => {
    const server = await start();
    await server.stop();
    writeFileSync(join(dataDirectory(), "PG_VERSION"), "12\n");

    await expect(start()).rejects.toThrow("was made by PostgreSQL 12");
  });

  test("when it cannot start, the error shows what the server said", async () => {
    const server = await start();
    await server.stop();
    writeFileSync(join(dataDirectory(), "postgresql.conf"), "no_such_parameter = 1\n");

    await expect(start()).rejects.toThrow("no_such_parameter");
  });
});
