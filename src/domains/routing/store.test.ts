import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import {
  listRoutes,
  listVersions,
  type RouteDefinition,
  readRoute,
  readRoutes,
  removeRoute,
  setRoute,
  undoRoute,
} from "./index.ts";

const actor = "test";

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const to = (model: string, aliases?: string[]): RouteDefinition => ({
  ...(aliases && { aliases }),
  tiers: [{ name: "only", targets: [{ model }] }],
});
const set = (name: string, definition: RouteDefinition) =>
  setRoute(db.database, { name, definition, actor });
const undo = (name: string, version?: number) =>
  undoRoute(db.database, { name, to: version, actor });
const modelNow = async (name: string) =>
  (await readRoutes(db.database)).get(name)?.tiers[0]?.targets[0]?.model;
const auditOf = async (subject: string) => {
  const { rows } = await db.database.pool.query<{ action: string; detail: unknown }>(
    "select action, detail from audit_event where subject = $1 order by audit_event_id",
    [subject],
  );
  return rows;
};

describe("versions", () => {
  test("are added and never changed; the newest is in force", async () => {
    await set("grow", to("a"));
    const second = await set("grow", to("b"));

    expect(second).toMatchObject({
      version: 2,
      currentVersion: 2,
      definition: to("b"),
      restores: null,
    });
    expect(await readRoute(db.database, { name: "grow", version: 1 })).toMatchObject({
      definition: to("a"),
      currentVersion: 2,
    });
    expect(await modelNow("grow")).toBe("b");
    await expect(db.database.pool.query("update route_version set actor = 'x'")).rejects.toThrow(
      "never changed",
    );
    await expect(db.database.pool.query("delete from route_version")).rejects.toThrow(
      "never changed",
    );
  });

  test("that say what is in force already are not added again", async () => {
    await set("same", to("a"));
    const again = await set("same", to("a"));

    expect(again.version).toBe(1);
    expect(await auditOf("same")).toEqual([{ action: "route.set", detail: { version: 1 } }]);
  });

  test("are undone one by one, further back each time, and the way back is on record", async () => {
    for (const model of ["a", "b", "c"]) await set("back", to(model));

    const first = await undo("back");
    const second = await undo("back");

    expect([first.version, first.restores]).toEqual([4, 2]);
    expect([second.version, second.restores]).toEqual([5, 1]);
    expect(await modelNow("back")).toBe("a");
    await expect(undo("back")).rejects.toThrow("no version before this one");
    expect((await undo("back", 3)).definition).toEqual(to("c"));
    await expect(undo("back", 99)).rejects.toThrow("has no version 99");
    expect((await auditOf("back")).slice(3)).toEqual([
      { action: "route.undo", detail: { version: 4, restores: 2 } },
      { action: "route.undo", detail: { version: 5, restores: 1 } },
      { action: "route.undo", detail: { version: 6, restores: 3 } },
    ]);
  });

  test("are listed newest first, page by page", async () => {
    for (const model of ["a", "b", "c"]) await set("listed", to(model));

    const one = await listVersions(db.database, { name: "listed", limit: 2 });
    const two = await listVersions(db.database, {
      name: "listed",
      limit: 2,
      after: one.nextAfter ?? "",
    });

    expect(one.rows.map(({ version }) => version)).toEqual([3, 2]);
    expect(two.rows.map(({ version }) => version)).toEqual([1]);
    expect(two.nextAfter).toBeNull();
  });

  test("set at the same moment are both there, one after the other", async () => {
    const both = await Promise.all([set("race", to("a")), set("race", to("b"))]);

    expect(both.map(({ version }) => version).sort()).toEqual([1, 2]);
  });
});

describe("a removed route", () => {
  test("is out of force, keeps its history, and comes back", async () => {
    await set("gone", to("a", ["gone-too"]));
    await removeRoute(db.database, { name: "gone", actor });

    expect(await modelNow("gone")).toBeUndefined();
    expect(await modelNow("gone-too")).toBeUndefined();
    expect(
      (await listRoutes(db.database, { limit: 100 })).rows.map(({ name }) => name),
    ).not.toContain("gone");
    await expect(readRoute(db.database, { name: "gone" })).rejects.toThrow("no route 'gone'");
    await expect(removeRoute(db.database, { name: "gone", actor })).rejects.toThrow(
      "no route 'gone'",
    );
    expect((await listVersions(db.database, { name: "gone", limit: 9 })).rows).toHaveLength(1);

    const back = await undo("gone");
    expect(back).toMatchObject({ version: 2, restores: 1, currentVersion: 2 });
    expect(await modelNow("gone-too")).toBe("a");
  });
});

describe("names", () => {
  test("of one route, its aliases too, are not those of another", async () => {
    await set("mine", to("a", ["shared"]));

    await expect(set("shared", to("b"))).rejects.toThrow("already calls another route");
    await expect(set("other", to("b", ["mine"]))).rejects.toThrow("already calls another route");
    // Refused whole: nothing of it is there.
    await expect(listVersions(db.database, { name: "other", limit: 1 })).rejects.toThrow(
      "no route",
    );

    await set("mine", to("a"));
    await set("shared", to("b"));
    expect(await modelNow("shared")).toBe("b");
  });

  test("that are misspelt are answered with the nearest", async () => {
    await set("assistant", to("a"));

    await expect(readRoute(db.database, { name: "asistant" })).rejects.toThrow(
      "Did you mean 'assistant'?",
    );
  });
});

test("gateways hear of a route when it is committed, and only then", async () => {
  const client = await db.database.pool.connect();
  const heard: string[] = [];
  client.on("notification", (message) => heard.push(message.channel));
  await client.query("listen baseload_changed");

  await set("announced", to("a"));
  await set("announced-too", to("a", ["announced"])).catch(() => undefined);
  await removeRoute(db.database, { name: "announced", actor });
  await client.query("select 1");

  expect(heard).toEqual(["baseload_changed", "baseload_changed"]);
  client.release(true);
});
