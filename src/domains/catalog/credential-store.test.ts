import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import {
  addCredential,
  createModel,
  createProvider,
  listCredentials,
  readCatalog,
  readProvider,
  removeCredential,
  removeProvider,
} from "./index.ts";

const sealKey = "3c".repeat(32);
const actor = "test";

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const newProvider = (name: string, credential?: string, replace = false) =>
  createProvider(db.database, {
    name,
    dialect: "openai-chat",
    baseUrl: "https://api.example.com/v1",
    allowPrivate: false,
    quirks: {},
    credential,
    replace,
    sealKey,
    actor,
  });

const add = (provider: string, name: string, value = `sk-${name}`, weight = 1) =>
  addCredential(db.database, { provider, name, value, weight, sealKey, actor });

/** Everything that the table holds, as text: sealed values in their hexadecimal form. */
async function storedOf(provider: string): Promise<{ name: string; sealed: string | null }[]> {
  const { rows } = await db.database.pool.query<{ name: string; sealed: string | null }>(
    `select c.name, encode(sealed_value, 'hex') as sealed
     from provider_credential c join provider p using (provider_id)
     where p.name = $1 order by provider_credential_id`,
    [provider],
  );
  return rows;
}

describe("credentials of a provider", () => {
  test("are all in the catalog, in the order they came in, with their weights", async () => {
    await newProvider("several", "sk-first");
    await createModel(db.database, { name: "several-model", provider: "several", actor });
    await add("several", "second-account", "sk-second", 3);
    await add("several", "spare", "sk-third", 0);

    const model = (await readCatalog(db.database, sealKey)).get("several-model");

    expect(model?.deployments[0]?.provider.credentials).toMatchObject([
      { name: "default", value: "sk-first", weight: 1 },
      { name: "second-account", value: "sk-second", weight: 3 },
      { name: "spare", value: "sk-third", weight: 0 },
    ]);
    const listed = await listCredentials(db.database, "several");
    expect(listed.map(({ name, weight }) => [name, weight])).toEqual([
      ["default", 1],
      ["second-account", 3],
      ["spare", 0],
    ]);
    expect(JSON.stringify(listed, (_, value) => String(value))).not.toContain("sk-");
  });

  test("are sealed, and erased when they are removed; their names are free then", async () => {
    await newProvider("erasing", "sk-first");
    await add("erasing", "old", "sk-old");

    await removeCredential(db.database, { provider: "erasing", name: "old", actor });

    expect(await storedOf("erasing")).toEqual([
      { name: "default", sealed: expect.any(String) },
      { name: "old", sealed: null },
    ]);
    const stored = JSON.stringify(await storedOf("erasing"));
    expect(stored).not.toContain(Buffer.from("sk-first").toString("hex"));
    await add("erasing", "old", "sk-new");
    const { credentials } = await readProvider(db.database, { name: "erasing", sealKey });
    expect(credentials.map(({ value }) => value)).toEqual(["sk-first", "sk-new"]);
  });

  test("are all erased with the provider, and when it moves to another address", async () => {
    await newProvider("moving", "sk-first");
    await add("moving", "second");

    await newProvider("moving", "sk-of-the-new-place", true);

    const { credentials } = await readProvider(db.database, { name: "moving", sealKey });
    expect(credentials.map(({ name, value }) => [name, value])).toEqual([
      ["default", "sk-of-the-new-place"],
    ]);
    await removeProvider(db.database, { name: "moving", actor });
    const stored = await storedOf("moving");
    expect(stored).toHaveLength(3);
    expect(stored.filter(({ sealed }) => sealed !== null)).toEqual([]);
  });

  test("have names of their own, and are no more than a plan can use", async () => {
    await newProvider("crowded", "sk-first");

    await expect(add("crowded", "default")).rejects.toThrow("already a credential 'default'");
    const results = await Promise.allSettled(
      Array.from({ length: 33 }, (_, index) => add("crowded", `account-${index}`)),
    );

    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(31);
    await expect(add("crowded", "one-more")).rejects.toThrow("at most 32 credentials");
  });

  test("that do not exist are answered with the nearest name", async () => {
    await newProvider("misspelt", "sk-first");

    await expect(
      removeCredential(db.database, { provider: "misspelt", name: "defualt", actor }),
    ).rejects.toThrow("Did you mean 'default'?");
    await expect(add("mispelt", "x")).rejects.toThrow("Did you mean 'misspelt'?");
  });

  test("leave a trace in the audit log that does not hold them", async () => {
    await newProvider("audited");
    await add("audited", "second", "sk-not-for-logs");
    await removeCredential(db.database, { provider: "audited", name: "second", actor });

    const { rows } = await db.database.pool.query<{ action: string; detail: unknown }>(
      "select action, detail from audit_event where subject = 'audited' order by 1",
    );
    expect(rows.map((row) => row.action)).toEqual([
      "provider.create",
      "provider.credential.create",
      "provider.credential.remove",
    ]);
    expect(JSON.stringify(rows)).not.toContain("sk-");
  });
});
