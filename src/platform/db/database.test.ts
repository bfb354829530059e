import { describe, expect, test } from "bun:test";
import pg from "pg";
import { openTestDatabase } from "../../../test/support/postgres.ts";
import { openDatabase } from "./database.ts";

describe("a database", () => {
  test("gives int8 as bigint, alone and in arrays, and leaves the driver's global parsers alone", async () => {
    await using test = await openTestDatabase();

    const { rows } = await test.database.pool.query(
      "select 9007199254740993::int8 as a, array[1,null,-2]::int8[] as b, array[]::int8[] as c, now() as d",
    );

    expect(rows[0]).toMatchObject({ a: 9007199254740993n, b: [1n, null, -2n], c: [] });
    expect(rows[0].d).toBeInstanceOf(Date);
    expect(pg.types.getTypeParser(20)("1")).toBe("1");
  });

  test("keeps what a transaction did when it returns, and nothing when it throws", async () => {
    await using test = await openTestDatabase();
    const { database } = test;
    const insert = "insert into wallet (scope) values ('project') returning wallet_id";

    const walletId = await database.transact(async (client) => {
      const { rows } = await client.query<{ wallet_id: bigint }>(insert);
      return rows[0]?.wallet_id;
    });
    const failing = database.transact(async (client) => {
      await client.query(insert);
      throw new Error("changed my mind");
    });

    await expect(failing).rejects.toThrow("changed my mind");
    const wallets = await database.kysely.selectFrom("wallet").select("wallet_id").execute();
    expect(wallets).toEqual([{ wallet_id: walletId ?? 0n }]);
  });

  test("gives a connection back after every transaction, however it ended", async () => {
    await using test = await openTestDatabase();
    const database = openDatabase({
      url: test.url,
      poolSize: 1,
      applicationName: "one connection",
    });

    for (let i = 0; i < 5; i++) {
      await database.transact((client) => client.query("select 1/0")).catch(() => undefined);
      await database.transact((client) => client.query("select 1"));
    }

    expect(database.pool.totalCount).toBe(1);
    expect(database.pool.idleCount).toBe(1);
    await database.close();
  });

  test("goes on after the server has cut its connections", async () => {
    await using test = await openTestDatabase();
    const { database } = test;
    await Promise.all([1, 2, 3].map(() => database.pool.query("select pg_sleep(0.02)")));

    const other = openDatabase({ url: test.url, poolSize: 1, applicationName: "other" });
    await other.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    await other.close();

    const deadline = performance.now() + 5_000;
    let rows: unknown[] = [];
    while (rows.length === 0 && performance.now() < deadline) {
      rows = await database.pool.query("select 1").then(
        (result) => result.rows,
        () => [],
      );
    }
    expect(rows).toHaveLength(1);
  });

  test("a connection that breaks in a transaction fails that transaction and nothing else", async () => {
    await using test = await openTestDatabase();
    const { database } = test;
    const terminate = (pid: unknown) =>
      database.pool.query("select pg_terminate_backend($1)", [pid]);

    const betweenQueries = database.transact(async (client) => {
      const { rows } = await client.query("select pg_backend_pid() as pid");
      // Listened for before: the connection may be gone before the other one has its answer.
      const ended = new Promise((resolve) => client.once("end", resolve));
      await terminate(rows[0].pid);
      await ended;
      await client.query("select 1");
    });
    await expect(betweenQueries).rejects.toThrow();
    const inQuery = database.transact((client) =>
      client.query("select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"),
    );
    await expect(inQuery).rejects.toThrow();

    expect((await database.pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("limits how long statements, locks and idle transactions may last", async () => {
    await using test = await openTestDatabase();

    const { rows } = await test.database.pool.query(
      "select name, setting::int as value from pg_settings where name in ('statement_timeout','lock_timeout','idle_in_transaction_session_timeout')",
    );

    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row.value).toBeGreaterThan(0);
  });
});
