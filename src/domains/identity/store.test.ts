import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { nanos } from "../../lib/money.ts";
import { checkLedger, readWallet } from "../ledger/index.ts";
import {
  createKey,
  createOrganization,
  createProject,
  findOrganization,
  hmacKey,
  listBudgets,
  listKeys,
  listOrganizations,
  listProjects,
  readPrincipals,
  revokeKey,
  rotateKey,
  setRegions,
} from "./index.ts";

const pepper = "a7".repeat(32);
const actor = "test";
const page = { limit: 100 };

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const newKey = (organization: string, more: Partial<Parameters<typeof createKey>[1]> = {}) =>
  createKey(db.database, {
    organization,
    project: "app",
    name: "server",
    mode: "live",
    pepper,
    actor,
    ...more,
  });

const count = async (sql: string, ...values: unknown[]): Promise<number> =>
  Number((await db.database.pool.query<{ count: bigint }>(sql, values)).rows[0]?.count);

describe("a key", () => {
  test("is created with its missing organization and project, and is shown once", async () => {
    const { key, text } = await newKey("Acme", { budget: nanos(5_000_000_000n), rpm: 60 });

    expect(text.startsWith(`bl_${key.keyId}_`)).toBe(true);
    expect(key).toMatchObject({
      organization: "Acme",
      project: "app",
      budget: nanos(5_000_000_000n),
      rpm: 60,
      tpm: null,
    });
    const dump = await db.database.pool.query("select key_hmac::text, * from api_key");
    expect(JSON.stringify(dump.rows, (_, v) => (typeof v === "bigint" ? `${v}` : v))).not.toContain(
      text.slice(-20),
    );
  });

  test("has a principal whose wallets are the organization's, the project's and its own", async () => {
    await createOrganization(db.database, { name: "Wallets", actor });
    await createProject(db.database, {
      organization: "Wallets",
      name: "app",
      budget: nanos(2n),
      actor,
    });
    const { key, text } = await newKey("Wallets", { budget: nanos(1n) });

    const principal = (await readPrincipals(db.database)).get(key.keyId);

    expect(principal?.keyHmac).toEqual(hmacKey(pepper, text));
    expect(principal?.walletIds).toHaveLength(3);
    const [money, projectBudget, keyBudget] = await Promise.all(
      (principal?.walletIds ?? []).map((walletId) => readWallet(db.database, walletId)),
    );
    expect(money?.availableNanos).toBe(nanos(0n));
    expect(projectBudget?.availableNanos).toBe(nanos(2n));
    expect(keyBudget?.availableNanos).toBe(nanos(1n));
    expect((await checkLedger(db.database)).problems).toEqual([]);
  });

  test("that is revoked stays revoked, and is audited once", async () => {
    const { key } = await newKey("Acme");

    const first = await revokeKey(db.database, { keyId: key.keyId, actor });
    const second = await revokeKey(db.database, { keyId: key.keyId, actor });

    expect(first.revokedAt).not.toBeNull();
    expect(second.revokedAt).toEqual(first.revokedAt);
    const events = "select count(*) from audit_event where action = 'key.revoke' and subject = $1";
    expect(await count(events, key.keyId)).toBe(1);
    expect((await readPrincipals(db.database)).get(key.keyId)?.revokedAtMs).toBeNumber();
  });

  test("is rotated into one with the same settings and the same budget", async () => {
    const old = await newKey("Rotation", { budget: nanos(9n), tpm: 1_000, name: "main" });

    const fresh = await rotateKey(db.database, {
      keyId: old.key.keyId,
      graceSeconds: 3_600,
      pepper,
      actor,
    });

    expect(fresh.text).not.toBe(old.text);
    expect(fresh.key).toMatchObject({ name: "main", tpm: 1_000, replacesKeyId: old.key.keyId });
    const principals = await readPrincipals(db.database);
    expect(principals.get(fresh.key.keyId)?.walletIds).toEqual(
      principals.get(old.key.keyId)?.walletIds ?? [],
    );
    const graceMs =
      (principals.get(old.key.keyId)?.revokedAtMs ?? 0) - fresh.key.createdAt.getTime();
    expect(graceMs).toBe(3_600_000);
    const organization = await findOrganization(db.database, "Rotation");
    const budgets = await listBudgets(db.database, organization.organizationId);
    expect(budgets.map((budget) => budget.keyId)).toEqual([fresh.key.keyId]);
  });

  test("is not rotated twice, even at the same moment", async () => {
    const { key } = await newKey("Rotation");
    const rotate = () =>
      rotateKey(db.database, { keyId: key.keyId, graceSeconds: 60, pepper, actor });

    const results = await Promise.allSettled([rotate(), rotate(), rotate()]);

    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    expect(await count("select count(*) from api_key where replaces_key_id = $1", key.keyId)).toBe(
      1,
    );
  });

  test("that has expired is not rotated: its replacement would have expired too", async () => {
    const { key } = await newKey("Rotation", { expiresAt: new Date(Date.now() - 1_000) });

    await expect(
      rotateKey(db.database, { keyId: key.keyId, graceSeconds: 0, pepper, actor }),
    ).rejects.toThrow("has expired");
  });

  test("pasted in place of its id is not repeated in the error", async () => {
    const { text } = await newKey("Acme");

    const refusal = revokeKey(db.database, { keyId: text, actor });

    await expect(refusal).rejects.toThrow("This is a key, not its id");
    await expect(refusal).rejects.not.toThrow(text);
  });

  test("without a budget that makes sense is refused", async () => {
    await expect(newKey("Acme", { budget: nanos(0n) })).rejects.toThrow("more than 0");
    await expect(newKey("Acme", { budget: nanos(1n), mode: "test" })).rejects.toThrow(
      "never billed",
    );
  });
});

describe("organizations and projects", () => {
  test("named by many new keys at the same moment are created once", async () => {
    await Promise.all(Array.from({ length: 20 }, () => newKey("Crowd")));

    expect(await count("select count(*) from organization where name = 'Crowd'")).toBe(1);
    const { organizationId } = await findOrganization(db.database, "Crowd");
    const projects = await listProjects(db.database, { ...page, organizationId });
    expect(projects.rows.map((project) => project.name)).toEqual(["app"]);
    const orphans = `select count(*) from wallet where scope = 'organization'
      and wallet_id not in (select wallet_id from organization)`;
    expect(await count(orphans)).toBe(0);
  });

  test("cannot be created twice", async () => {
    await createOrganization(db.database, { name: "Twice", actor });
    await createProject(db.database, { organization: "Twice", name: "app", actor });

    await expect(createOrganization(db.database, { name: "Twice", actor })).rejects.toThrow(
      "already an organization 'Twice'",
    );
    await expect(
      createProject(db.database, { organization: "Twice", name: "app", actor }),
    ).rejects.toThrow("already a project 'app'");
  });

  test("that do not exist are answered with the nearest names", async () => {
    await createOrganization(db.database, { name: "Globex Corporation", actor });

    await expect(findOrganization(db.database, "Globex Corporatoin")).rejects.toThrow(
      "Did you mean 'Globex Corporation'?",
    );
  });

  test("whose change fails leave nothing behind: no row, no audit event, no wallet", async () => {
    const wallets = await count("select count(*) from wallet");
    const events = await count("select count(*) from audit_event");

    await expect(newKey("Ghost", { name: "x".repeat(121) })).rejects.toThrow(
      "api_key_name_is_short",
    );
    await expect(findOrganization(db.database, "Ghost")).rejects.toThrow("no organization 'Ghost'");
    expect(await count("select count(*) from wallet")).toBe(wallets);
    expect(await count("select count(*) from audit_event")).toBe(events);
  });
});

describe("an organization that is bound to regions", () => {
  const organization = "Bound";
  const regionsOf = async (keyId: string) =>
    (await readPrincipals(db.database)).get(keyId)?.regions;

  test("says so in the principals of its keys, those to come included, until it is bound no longer", async () => {
    const { key: before } = await newKey(organization);
    const bound = await setRegions(db.database, { organization, regions: ["eu", "cn"], actor });
    const { key: after } = await newKey(organization, { name: "another" });

    expect(bound.regions).toEqual(["eu", "cn"]);
    expect(await regionsOf(before.keyId)).toEqual(["eu", "cn"]);
    expect(await regionsOf(after.keyId)).toEqual(["eu", "cn"]);

    await setRegions(db.database, { organization, regions: null, actor });
    expect(await regionsOf(before.keyId)).toBeNull();
  });

  test("is never bound to nothing, which could be read as to anywhere", async () => {
    const { key } = await newKey(organization, { name: "third" });

    const setting = setRegions(db.database, { organization, regions: [], actor });

    await expect(setting).rejects.toThrow("organization_is_bound_to_some_region");
    expect(await regionsOf(key.keyId)).toBeNull();
  });

  test("has each change in the audit log", async () => {
    const { rows } = await db.database.pool.query(
      "select detail from audit_event where action = 'organization.set' order by audit_event_id",
    );

    expect(rows.map(({ detail }) => detail)).toEqual([
      { regions: ["eu", "cn"] },
      { regions: null },
    ]);
  });
});

describe("a list", () => {
  test("is read page by page, each row once, in order", async () => {
    for (let i = 0; i < 5; i++) await newKey("Paged", { name: `key ${i}` });

    const names: string[] = [];
    let after: string | undefined;
    do {
      const keys = await listKeys(db.database, { organization: "Paged", limit: 2, after });
      expect(keys.rows.length).toBeLessThanOrEqual(2);
      names.push(...keys.rows.map((key) => key.name));
      after = keys.nextAfter ?? undefined;
    } while (after !== undefined);

    expect(names).toEqual(["key 0", "key 1", "key 2", "key 3", "key 4"]);
  });

  test("holds only what belongs to the organization that was asked for", async () => {
    await newKey("Tenant A");
    await newKey("Tenant B");

    const keys = await listKeys(db.database, { ...page, organization: "Tenant A" });

    expect(keys.rows.map((key) => key.organization)).toEqual(["Tenant A"]);
  });

  test("refuses a cursor that it did not give", async () => {
    await expect(
      listOrganizations(db.database, { limit: 1, after: "1; drop table" }),
    ).rejects.toThrow("next_after");
  });
});

test("gateways hear of a change only when it is committed", async () => {
  const client = await db.database.pool.connect();
  const heard: string[] = [];
  client.on("notification", (message) => heard.push(message.channel));
  await client.query("listen baseload_changed");

  await createOrganization(db.database, { name: "Announced", actor });
  await createOrganization(db.database, { name: "Announced", actor }).catch(() => undefined);
  await client.query("select 1");

  expect(heard).toEqual(["baseload_changed"]);
  client.release(true);
});
