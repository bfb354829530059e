/** Files beyond what a client sees of them: folders of several machines, holders, dead uploads, and what is left after crashes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { systemClock } from "../../lib/clock.ts";
import { createOrganization, createProject } from "../identity/index.ts";
import { FileFolder, Files, holdFile, releaseFile, type Tenant } from "./index.ts";

/** A machine that is busy takes its time. */
const START_MS = 30_000;
const root = mkdtempSync(join(tmpdir(), "baseload-files-"));
let db: TestDatabase;
let here: Files;
let elsewhere: Files;
let tenant: Tenant;

const openFiles = async (folder: string): Promise<Files> =>
  new Files({
    database: db.database,
    folder: await FileFolder.open(join(root, folder)),
    limits: { fileBytesMax: 1_000, organizationBytesMax: 100_000 },
    clock: systemClock,
  });

beforeAll(async () => {
  db = await openTestDatabase();
  here = await openFiles("here");
  elsewhere = await openFiles("elsewhere");
  const { organizationId } = await createOrganization(db.database, { name: "acme", actor: "test" });
  const { projectId } = await createProject(db.database, {
    organization: "acme",
    name: "main",
    actor: "test",
  });
  tenant = { organizationId, projectId };
}, START_MS);

afterAll(async () => {
  await db?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

async function store(text: string, expiresSeconds?: number) {
  const file = await here.receive(tenant, text.length);
  await file.write(Buffer.from(text));
  return await file.finish({ name: "a.txt", purpose: "user_data", expiresSeconds });
}

const setAside = async (): Promise<number> => {
  const { rows } = await db.database.pool.query<{ bytes: number }>(
    "select coalesce(sum(bytes), 0)::int as bytes from file",
  );
  return rows[0]?.bytes ?? 0;
};

describe("a folder", () => {
  test("says which one it is, to all who open it", async () => {
    const again = await Promise.all([openFiles("here"), openFiles("here"), openFiles("new")]);
    expect(again.map(({ storeId }) => storeId).slice(0, 2)).toEqual([here.storeId, here.storeId]);
    expect(again[2]?.storeId).not.toBe(here.storeId);
    expect(elsewhere.storeId).not.toBe(here.storeId);
  });

  test("of another machine is not looked into; deleting waits for its own", async () => {
    const file = await store("somewhere");
    expect(await elsewhere.read(tenant, file.fileId)).toMatchObject({ fileId: file.fileId });
    expect(() => elsewhere.pathOf(file)).toThrow("another machine");
    const path = here.pathOf(file);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await elsewhere.remove(tenant, file.fileId);
    expect(existsSync(path)).toBe(true);
    await expect(here.read(tenant, file.fileId)).rejects.toMatchObject({ kind: "not_found" });
    await here.expire();
    expect(existsSync(path)).toBe(false);
  });
});

describe("a file that somebody needs", () => {
  const hold = (fileId: string, holder: string) =>
    db.database.transact((client) => holdFile(client, tenant, { fileId, holder }));
  const release = (fileId: string, holder: string) =>
    db.database.transact((client) => releaseFile(client, tenant, { fileId, holder }));

  test("is neither deleted nor expired, until the last holder has let it go", async () => {
    const { fileId } = await store("needed", 3_600);
    for (const holder of ["batch a", "batch b", "batch a"]) {
      expect(await hold(fileId, holder)).toMatchObject({ fileId });
    }
    await db.database.pool.query("update file set expires_at = now() where file_id = $1", [fileId]);
    await here.expire();
    expect(await here.read(tenant, fileId)).toMatchObject({ fileId });
    await release(fileId, "batch a");
    await expect(here.remove(tenant, fileId)).rejects.toThrow("needed by batch b");
    await release(fileId, "batch b");
    await here.expire();
    await expect(here.read(tenant, fileId)).rejects.toMatchObject({ kind: "not_found" });
  });

  test("is held, or it is deleted: never both", async () => {
    for (let i = 0; i < 20; i++) {
      const { fileId } = await store("contested");
      const [held, removed] = await Promise.all([
        hold(fileId, "batch a"),
        here.remove(tenant, fileId).then(
          () => true,
          () => false,
        ),
      ]);
      expect(removed).toBe(held === undefined);
    }
  });

  test("of another tenant cannot be held", async () => {
    const { fileId } = await store("mine");
    const stranger = { ...tenant, organizationId: tenant.organizationId + 1n };
    const held = db.database.transact((client) =>
      holdFile(client, stranger, { fileId, holder: "batch a" }),
    );
    expect(await held).toBeUndefined();
  });
});

describe("an upload", () => {
  test("that is discarded leaves nothing, and its part of the quota is free", async () => {
    const before = await setAside();
    const file = await here.receive(tenant, 500);
    await file.write(new Uint8Array(100));
    expect(await setAside()).toBe(before + 500);
    await file.discard();
    expect(await setAside()).toBe(before);
  });

  test("whose process died is cleared up, and cannot be finished any more", async () => {
    const before = await setAside();
    const file = await here.receive(tenant, 500);
    await file.write(new Uint8Array(100));
    await here.expire();
    expect(await setAside()).toBe(before + 500);
    await db.database.pool.query(
      "update file set touched_at = now() - interval '1 hour' where state = 'arriving'",
    );
    await here.expire();
    expect(await setAside()).toBe(before);
    await expect(
      file.finish({ name: "a", purpose: "user_data", expiresSeconds: undefined }),
    ).rejects.toMatchObject({ code: "upload_given_up" });
  });

  test("has a name that can do nothing", async () => {
    for (const [given, name] of [
      ["../../etc/passwd", "passwd"],
      ["a\u0000b\r\nset-cookie: x", "abset-cookie: x"],
      ["\u202egpj.exe", "gpj.exe"],
      ["C:\\temp\\x.txt", "x.txt"],
      ["", "file"],
      [`${"y".repeat(300)}.jsonl`, `${"y".repeat(249)}.jsonl`],
    ] as const) {
      const file = await here.receive(tenant, 1);
      const stored = await file.finish({
        name: given,
        purpose: "user_data",
        expiresSeconds: undefined,
      });
      expect(stored.name).toBe(name);
    }
  });
});
