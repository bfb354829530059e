/** Batches on PostgreSQL. Every question of a client names its tenant; the worker's own statements name the batch. */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import type { Quantities } from "../../lib/quantities.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { holdFile, releaseFile, type StoredFile, type Tenant } from "../files/index.ts";
import { addJob, askToCancelJob } from "../jobs/index.ts";
import {
  BATCH_BYTES_MAX,
  type Batch,
  type BatchEndpoint,
  type BatchError,
  type BatchStatus,
  COMPLETION_WINDOW_SECONDS,
  OPEN_BATCHES_MAX,
  toBatchWireId,
} from "./batch.ts";

type BatchRow = {
  batch_id: string;
  organization_id: bigint;
  project_id: bigint;
  key_id: string;
  input_file_id: string;
  endpoint: BatchEndpoint;
  metadata: string | null;
  output_expires_seconds: number | null;
  status: BatchStatus;
  errors: string | null;
  total: number;
  completed: number;
  failed: number;
  output_file_id: string | null;
  error_file_id: string | null;
  usage: string | null;
  created_at: Date;
  expires_at: Date;
  in_progress_at: Date | null;
  finalizing_at: Date | null;
  completed_at: Date | null;
  failed_at: Date | null;
  expired_at: Date | null;
  cancelling_at: Date | null;
  cancelled_at: Date | null;
};

const columns = `batch_id, organization_id, project_id, key_id, input_file_id, endpoint, metadata,
  output_expires_seconds, status, errors, total, completed, failed, output_file_id, error_file_id, usage,
  created_at, expires_at, in_progress_at, finalizing_at, completed_at, failed_at, expired_at,
  cancelling_at, cancelled_at`;

const toBatch = (row: BatchRow): Batch => ({
  batchId: row.batch_id,
  organizationId: row.organization_id,
  projectId: row.project_id,
  keyId: row.key_id,
  inputFileId: row.input_file_id,
  endpoint: row.endpoint,
  metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Record<string, string>),
  outputExpiresSeconds: row.output_expires_seconds,
  status: row.status,
  errors: row.errors === null ? [] : (JSON.parse(row.errors) as BatchError[]),
  total: row.total,
  completed: row.completed,
  failed: row.failed,
  outputFileId: row.output_file_id,
  errorFileId: row.error_file_id,
  usage: row.usage === null ? null : (JSON.parse(row.usage) as Quantities),
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  inProgressAt: row.in_progress_at,
  finalizingAt: row.finalizing_at,
  completedAt: row.completed_at,
  failedAt: row.failed_at,
  expiredAt: row.expired_at,
  cancellingAt: row.cancelling_at,
  cancelledAt: row.cancelled_at,
});

export type NewBatch = Tenant & {
  keyId: string;
  inputFileId: string;
  endpoint: BatchEndpoint;
  metadata: Readonly<Record<string, string>> | null;
  outputExpiresSeconds: number | null;
};

/** The batch, its job and its hold on the input file, or none of them. */
export async function createBatch(database: Database, batch: NewBatch): Promise<Batch> {
  const batchId = Bun.randomUUIDv7();
  return await database.transact(async (client) => {
    await assertRoom(client, batch.organizationId);
    const holder = holderOf(batchId);
    const file = await holdFile(client, batch, { fileId: batch.inputFileId, holder });
    assertInput(file, batch.inputFileId);
    const { rows } = await client.query<BatchRow>(
      `insert into batch (batch_id, organization_id, project_id, key_id, input_file_id, endpoint, metadata,
         output_expires_seconds, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 second') returning ${columns}`,
      [
        batchId,
        batch.organizationId,
        batch.projectId,
        batch.keyId,
        batch.inputFileId,
        batch.endpoint,
        batch.metadata === null ? null : JSON.stringify(batch.metadata),
        batch.outputExpiresSeconds,
        COMPLETION_WINDOW_SECONDS,
      ],
    );
    await addJob(client, {
      jobId: batchId,
      kind: "batch",
      organizationId: batch.organizationId,
      keyId: batch.keyId,
      payload: {},
      fileStoreId: file.storeId,
    });
    const row = rows[0];
    assert(row !== undefined, "insert into batch returned no row");
    return toBatch(row);
  });
}

const holderOf = (batchId: string): string => `batch ${toBatchWireId(batchId)}`;

/** The organization is locked, so that two batches cannot both take its last place. */
async function assertRoom(client: PoolClient, organizationId: bigint): Promise<void> {
  await client.query("select from organization where organization_id = $1 for no key update", [
    organizationId,
  ]);
  const { rows } = await client.query<{ open: number }>(
    `select count(*)::int as open from batch where organization_id = $1
       and status in ('validating', 'in_progress', 'finalizing', 'cancelling')`,
    [organizationId],
  );
  if ((rows[0]?.open ?? 0) < OPEN_BATCHES_MAX) return;
  throw new Failure(
    "rate_limited",
    `An organization has at most ${OPEN_BATCHES_MAX} batches under way. Wait until one has ended.`,
    { code: "too_many_batches", retryAfterSeconds: 60 },
  );
}

function assertInput(file: StoredFile | undefined, fileId: string): asserts file is StoredFile {
  const refuse = (message: string, code: string): never => {
    throw new Failure("invalid", message, { code, param: "input_file_id" });
  };
  if (file === undefined) {
    return refuse(`There is no file '${fileId.slice(0, 80)}' in this project.`, "file_not_found");
  }
  if (file.purpose !== "batch") {
    refuse(
      `The file ${fileId} was uploaded for '${file.purpose}'. Upload it with the purpose 'batch'.`,
      "invalid_file_purpose",
    );
  }
  if (file.bytes > BATCH_BYTES_MAX) {
    refuse(`An input file has at most ${BATCH_BYTES_MAX} bytes. Split it.`, "file_too_large");
  }
}

export async function findBatch(
  database: Database,
  tenant: Tenant,
  batchId: string,
): Promise<Batch | undefined> {
  const { rows } = await database.pool.query<BatchRow>(
    `select ${columns} from batch where batch_id = $1 and organization_id = $2 and project_id = $3`,
    [batchId, tenant.organizationId, tenant.projectId],
  );
  return rows[0] === undefined ? undefined : toBatch(rows[0]);
}

/** Newest first. One more than the limit, if there is one: it says that there is a next page. */
export async function listBatches(
  database: Database,
  tenant: Tenant,
  page: { limit: number; after: string | undefined },
): Promise<Batch[]> {
  const { rows } = await database.pool.query<BatchRow>(
    `select ${columns} from batch
     where organization_id = $1 and project_id = $2 and ($3::uuid is null or batch_id < $3)
     order by batch_id desc limit $4`,
    [tenant.organizationId, tenant.projectId, page.after ?? null, page.limit + 1],
  );
  return rows.map(toBatch);
}

/**
 * Asking twice changes nothing. Undefined when there is no such batch.
 *
 * @param byOperator who cancels what is not his own: that is written down.
 */
export async function cancelBatch(
  database: Database,
  tenant: Tenant,
  { batchId, byOperator }: { batchId: string; byOperator?: { actor: string; action: string } },
): Promise<Batch | undefined> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<BatchRow>(
      `update batch set status = 'cancelling', cancelling_at = now()
       where batch_id = $1 and organization_id = $2 and project_id = $3
         and status in ('validating', 'in_progress') returning ${columns}`,
      [batchId, tenant.organizationId, tenant.projectId],
    );
    if (rows[0] !== undefined) {
      await askToCancelJob(client, batchId);
      if (byOperator !== undefined) {
        await recordChange(client, { ...byOperator, subject: toBatchWireId(batchId) });
      }
      return toBatch(rows[0]);
    }
    const batch = await findBatch(database, tenant, batchId);
    if (batch === undefined || batch.status === "cancelling") return batch;
    throw new Failure(
      "conflict",
      `The batch is '${batch.status}'; only one that is validating or in progress can be cancelled.`,
      { code: "batch_not_cancellable" },
    );
  });
}

/** For the worker, which has claimed the batch's job. */
export async function readBatch(database: Database, batchId: string): Promise<Batch> {
  const { rows } = await database.pool.query<BatchRow>(
    `select ${columns} from batch where batch_id = $1`,
    [batchId],
  );
  assert(rows[0] !== undefined, `the batch ${batchId} has a job and no row`);
  return toBatch(rows[0]);
}

/** The input file is no input: nothing was asked, nothing is charged. */
export async function failBatch(
  database: Database,
  batchId: string,
  errors: readonly BatchError[],
): Promise<void> {
  await database.transact(async (client) => {
    await client.query("delete from batch_line where batch_id = $1", [batchId]);
    const { rows } = await client.query<BatchRow>(
      `update batch set status = 'failed', failed_at = now(), errors = $2
       where batch_id = $1 and status in ('validating', 'in_progress', 'cancelling', 'finalizing') returning ${columns}`,
      [batchId, JSON.stringify(errors)],
    );
    if (rows[0] !== undefined) await releaseInput(client, toBatch(rows[0]));
  });
}

/** All lines have their rows. A batch that was cancelled meanwhile stays so, and knows how many lines it has. */
export async function beginBatch(
  database: Database,
  batchId: string,
  total: number,
): Promise<void> {
  await database.pool.query(
    `update batch set total = $2, in_progress_at = now(),
       status = case status when 'validating' then 'in_progress' else status end
     where batch_id = $1 and in_progress_at is null and status in ('validating', 'cancelling')`,
    [batchId, total],
  );
}

/** Every line has its result. The status of a cancelled batch tells so until the end. */
export async function beginFinalizing(
  database: Database,
  batchId: string,
  options: { hasExpired: boolean },
): Promise<void> {
  await database.pool.query(
    `update batch set finalizing_at = coalesce(finalizing_at, now()),
       expired_at = case when $2 then coalesce(expired_at, now()) else expired_at end,
       status = case status when 'in_progress' then 'finalizing' else status end
     where batch_id = $1 and status in ('in_progress', 'cancelling', 'finalizing')`,
    [batchId, options.hasExpired],
  );
}

export type BatchOutcome = {
  outputFileId: string | null;
  errorFileId: string | null;
  usage: Quantities;
};

/** In one transaction with its files: the batch has ended, its lines are in the files and nowhere else. */
export async function endBatch(
  client: PoolClient,
  batch: Batch,
  outcome: BatchOutcome,
): Promise<void> {
  // Lines before their batch, as every statement that ends runs locks them.
  await client.query("delete from batch_line where batch_id = $1", [batch.batchId]);
  await client.query(
    `update batch set output_file_id = $2, error_file_id = $3, usage = $4,
       status = case when cancelling_at is not null then 'cancelled'
         when expired_at is not null then 'expired' else 'completed' end,
       cancelled_at = case when cancelling_at is not null then now() end,
       completed_at = case when cancelling_at is null and expired_at is null then now() end
     where batch_id = $1 and status in ('finalizing', 'cancelling')`,
    [batch.batchId, outcome.outputFileId, outcome.errorFileId, JSON.stringify(outcome.usage)],
  );
  await releaseInput(client, batch);
}

const releaseInput = (client: PoolClient, batch: Batch): Promise<void> =>
  releaseFile(client, batch, { fileId: batch.inputFileId, holder: holderOf(batch.batchId) });

/** Of all batches under way. */
export async function countLinesLeft(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ left: number }>(
    `select coalesce(sum(total - completed - failed), 0)::float8 as left from batch
     where status in ('validating', 'in_progress', 'finalizing', 'cancelling')`,
  );
  return rows[0]?.left ?? 0;
}

export type ListedBatch = Batch & { organization: string; project: string };

/** For operators: of all organizations or of one, newest first. */
export async function listAllBatches(
  database: Database,
  page: { organizationId: bigint | undefined; after: string | undefined; limit: number },
): Promise<ListedBatch[]> {
  const { rows } = await database.pool.query<BatchRow & { organization: string; project: string }>(
    `select b.*, o.name as organization, p.name as project
     from batch b join organization o using (organization_id) join project p using (project_id)
     where ($1::bigint is null or b.organization_id = $1) and ($2::uuid is null or b.batch_id < $2)
     order by b.batch_id desc limit $3`,
    [page.organizationId ?? null, page.after ?? null, page.limit + 1],
  );
  return rows.map((row) => ({
    ...toBatch(row),
    organization: row.organization,
    project: row.project,
  }));
}

/** For operators, whichever tenant's. */
export async function findAnyBatch(
  database: Database,
  batchId: string,
): Promise<ListedBatch | undefined> {
  const { rows } = await database.pool.query<BatchRow & { organization: string; project: string }>(
    `select b.*, o.name as organization, p.name as project
     from batch b join organization o using (organization_id) join project p using (project_id)
     where batch_id = $1`,
    [batchId],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return { ...toBatch(row), organization: row.organization, project: row.project };
}
