import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrationsFolder, openEmptyDatabase } from "../../../test/support/postgres.ts";
import { openDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";

describe("migrate", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "baseload-migrations-"));
    write("0001-first.sql", "create table first (n integer);");
    write("0002-second.sql", "create table second (n integer); insert into second values (1);");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: string, sql: string): void => writeFileSync(join(folder, name), sql);

  test("applies every file once, in order", async () => {
    await using test = await openEmptyDatabase();

    expect(await migrate(test.database, folder)).toEqual({
      applied: ["0001-first.sql", "0002-second.sql"],
    });
    write("0003-third.sql", "insert into second values (2);");
    expect(await migrate(test.database, folder)).toEqual({ applied: ["0003-third.sql"] });
    expect(await migrate(test.database, folder)).toEqual({ applied: [] });

    const { rows } = await test.database.pool.query("select n from second order by n");
    expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("is safe when many processes start at once", async () => {
    await using test = await openEmptyDatabase();
    const databases = Array.from({ length: 5 }, () =>
      openDatabase({ url: test.url, poolSize: 1, applicationName: "starter" }),
    );

    const results = await Promise.all(databases.map((database) => migrate(database, folder)));

    await Promise.all(databases.map((database) => database.close()));
    expect(results.flatMap(({ applied }) => applied).sort()).toEqual([
      "0001-first.sql",
      "0002-second.sql",
    ]);
  });

  test("a file that fails leaves nothing behind and names itself", async () => {
    await using test = await openEmptyDatabase();
    write("0003-third.sql", "create table third (n integer); select 1/0;");

    await expect(migrate(test.database, folder)).rejects.toThrow(
      "0003-third.sql failed and was rolled back: division by zero",
    );

    const { rows } = await test.database.pool.query(
      "select to_regclass('third') as third, (select max(version) from schema_migration) as version",
    );
    expect(rows).toEqual([{ third: null, version: 2 }]);
  });

  test("refuses an applied file that was changed", async () => {
    await using test = await openEmptyDatabase();
    await migrate(test.database, folder);
    write("0001-first.sql", "create table first (n bigint);");

    await expect(migrate(test.database, folder)).rejects.toThrow("0001-first.sql was changed");
  });

  test("refuses a newer breaking schema, and accepts a newer one that is not", async () => {
    await using test = await openEmptyDatabase();
    write("0003-third.sql", "create table third (n integer);");
    await migrate(test.database, folder);
    rmSync(join(folder, "0003-third.sql"));

    expect(await migrate(test.database, folder)).toEqual({ applied: [] });

    write("0003-third.sql", "create table third (n integer);");
    write("0004-fourth.sql", "-- breaking: the column is gone\nalter table first drop column n;");
    await migrate(test.database, folder);
    rmSync(join(folder, "0004-fourth.sql"));

    await expect(migrate(test.database, folder)).rejects.toThrow("Start the newer version");
  });

  test.each(["0004-gap.sql", "0003_underscore.sql", "3-short.sql"])(
    "refuses the file name %s",
    async (name) => {
      await using test = await openEmptyDatabase();
      write(name, "select 1;");

      await expect(migrate(test.database, folder)).rejects.toThrow(name);
    },
  );

  test("the product's own migrations run on an empty database", async () => {
    await using test = await openEmptyDatabase();

    const { applied } = await migrate(test.database, migrationsFolder);

    expect(applied.length).toBeGreaterThanOrEqual(3);
  });
});
