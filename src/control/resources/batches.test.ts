/** Batches and files as an operator sees them: of all tenants, narrowed, paged, cancelled with a trace. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { createBatch, toBatchWireId } from "../../domains/batches/index.ts";
import { FileFolder, Files, type Tenant } from "../../domains/files/index.ts";
import { createKey } from "../../domains/identity/index.ts";
import { systemClock } from "../../lib/clock.ts";

let control: TestControl;
let files: Files;
const made: { organization: string; fileId: string; id: string }[] = [];

/** A machine that is busy takes its time. */
const START_MS = 30_000;

beforeAll(async () => {
  control = await startTestControl();
  const { database } = control;
  files = new Files({
    database,
    folder: await FileFolder.open(join(control.home, "files")),
    limits: { fileBytesMax: 1_000, organizationBytesMax: 10_000 },
    clock: systemClock,
  });
  for (const organization of ["acme", "globex", "acme"]) {
    const { keyId, ...tenant } = await tenantOf(organization);
    const file = await files.receive(tenant, 4);
    await file.write(Buffer.from("{}\n"));
    const { fileId } = await file.finish({
      name: "in\u001b[31m.jsonl",
      purpose: "batch",
      expiresSeconds: undefined,
    });
    const batch = await createBatch(database, {
      ...tenant,
      keyId,
      inputFileId: fileId,
      endpoint: "/v1/chat/completions",
      metadata: null,
      outputExpiresSeconds: null,
    });
    made.push({ organization, fileId, id: toBatchWireId(batch.batchId) });
  }
}, START_MS);

afterAll(async () => {
  await control?.[Symbol.asyncDispose]();
});

async function tenantOf(organization: string): Promise<Tenant & { keyId: string }> {
  const { key } = await createKey(control.database, {
    organization,
    project: "main",
    name: "test",
    mode: "live",
    pepper: "ab".repeat(32),
    actor: "test",
  });
  const { rows } = await control.database.pool.query<{
    organization_id: bigint;
    project_id: bigint;
  }>(
    "select organization_id, project_id from api_key join project using (project_id) where key_id = $1",
    [key.keyId],
  );
  return {
    keyId: key.keyId,
    organizationId: rows[0]?.organization_id ?? 0n,
    projectId: rows[0]?.project_id ?? 0n,
  };
}

const idsOf = (body: Record<string, unknown>) =>
  (body["data"] as { id: string }[]).map(({ id }) => id);

test("batches of all organizations are listed, newest first, page by page", async () => {
  const first = await control.get("/batches?limit=2");
  expect(idsOf(first.body)).toEqual([made[2]?.id ?? "", made[1]?.id ?? ""]);
  const second = await control.get(`/batches?limit=2&after=${first.body["next_after"]}`);
  expect(idsOf(second.body)).toEqual([made[0]?.id ?? ""]);
  expect(second.body["next_after"]).toBeNull();
  const narrowed = await control.get("/batches?organization=globex");
  expect(idsOf(narrowed.body)).toEqual([made[1]?.id ?? ""]);
});

test("a batch is shown, cancelled, and that is written down", async () => {
  const id = made[0]?.id ?? "";
  expect((await control.get(`/batches/${id}`)).body).toMatchObject({
    id,
    organization: "acme",
    status: "validating",
    total: 0,
    ended_at: null,
  });
  const cancelled = await control.post(`/batches/${id}/cancel`);
  expect(cancelled.body).toMatchObject({ id, status: "cancelling" });
  const again = await control.post(`/batches/${id}/cancel`);
  expect(again.body).toMatchObject({ id, status: "cancelling" });
  const { rows } = await control.database.pool.query<{ actor: string; subject: string }>(
    "select actor, subject from audit_event where action = 'batch.cancel'",
  );
  expect(rows).toEqual([{ actor: "admin", subject: id }]);
});

test("what is no batch is refused", async () => {
  expect((await control.get("/batches/nonsense")).status).toBe(400);
  const unknown = await control.get(`/batches/batch_${"0".repeat(32)}`);
  expect(unknown.status).toBe(404);
  expect(errorOf(unknown).code).toBe("batch_not_found");
  expect((await control.get("/batches?after=x")).status).toBe(400);
  expect((await control.get("/files?after=x")).status).toBe(400);
});

test("files are listed with their size, and their names cannot do anything", async () => {
  const listed = await control.get("/files?organization=acme");
  expect(idsOf(listed.body)).toEqual([made[2]?.fileId ?? "", made[0]?.fileId ?? ""]);
  expect((listed.body["data"] as unknown[])[0]).toMatchObject({
    name: "in[31m.jsonl",
    purpose: "batch",
    bytes: 3,
    expires_at: null,
  });
});

test("the queue is measured when somebody looks", async () => {
  const { text } = (await control.send("/metrics")).body;
  expect(text).toContain('baseload_jobs{kind="batch",state="waiting"} 3');
  expect(text).toContain('baseload_jobs{kind="response",state="waiting"} 0');
  expect(text).toMatch(/baseload_job_oldest_waiting_seconds\{kind="batch"\} \d/);
  expect(text).toContain("baseload_batch_lines_left 0");
});
