/**
 * Stored responses on PostgreSQL. Every question of a client names its tenant; the worker's own statements name the
 * job. Locks: the response, then its job.
 */
import type { Pool, PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Database } from "../../platform/db/database.ts";
import { addJob, askToCancelJob } from "../jobs/index.ts";
import { idsOf } from "./items.ts";
import {
  hasEnded,
  type NewResponse,
  QUEUED_MAX,
  type QueuedResponse,
  RESPONSE_BYTES_MAX,
  type ResponseStatus,
  type StoredResponse,
  type Tenant,
} from "./response.ts";
import { type ResponseRow, responseColumns, toParts, toStored } from "./rows.ts";

/** A pool, or a transaction. */
type Queryable = Pool | PoolClient;

/**
 * Running it twice changes nothing: the first one stays.
 *
 * @returns false where the project has a response of this id already: providers may use one twice.
 * @throws Failure `too_large`
 */
export async function insertResponse(client: Queryable, response: NewResponse): Promise<boolean> {
  const { organizationId, projectId, input } = response;
  const { output, outputText, responseText } = toParts(response);
  const inputText = JSON.stringify(input);
  const bytes = bytesOf(inputText, outputText);
  const { rows } = await client.query<{ kept: number }>(
    `with kept as (
       insert into stored_response (organization_id, project_id, response_id, key_id, status,
         previous_response_id, conversation_id, input, output, response, bytes, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12 * interval '1 day')
       on conflict (project_id, response_id) do nothing returning 1
     ), items as (
       insert into stored_item (project_id, item_id, response_id)
       select $2, item_id, $3 from unnest($13::text[]) as i (item_id) where exists (select from kept)
       on conflict do nothing
     )
     select count(*)::int as kept from kept`,
    [
      organizationId,
      projectId,
      response.responseId,
      response.keyId,
      response.status,
      response.previousResponseId,
      response.conversationId,
      inputText,
      outputText,
      responseText,
      bytes,
      response.retentionDays,
      idsOf([...input, ...output]),
    ],
  );
  return rows[0]?.kept === 1;
}

function bytesOf(...texts: string[]): number {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= RESPONSE_BYTES_MAX) return bytes;
  throw new Failure("too_large", `A response of ${bytes} bytes is too large to be stored.`, {
    code: "response_too_large",
  });
}

/**
 * The response and the job that will make it, or neither.
 *
 * @throws Failure `rate_limited` when too many wait already
 */
export async function queueResponse(database: Database, response: QueuedResponse): Promise<void> {
  const { jobId, organizationId, keyId } = response;
  await database.transact(async (client) => {
    await assertRoom(client, organizationId);
    const isNew = await insertResponse(client, response);
    assert(isNew, `the response ${response.responseId} is queued once`);
    await client.query(
      "update stored_response set job_id = $3, request = $4 where project_id = $1 and response_id = $2",
      [response.projectId, response.responseId, jobId, JSON.stringify(response.request)],
    );
    const job = { jobId, organizationId, keyId, payload: {}, fileStoreId: null };
    await addJob(client, { ...job, kind: "response" });
  });
}

/** Two that come at once may both take the last place. */
async function assertRoom(client: PoolClient, organizationId: bigint): Promise<void> {
  const { rows } = await client.query<{ open: number }>(
    `select count(*)::int as open from (
       select from stored_response
       where organization_id = $1 and status in ('queued', 'in_progress') limit $2) open`,
    [organizationId, QUEUED_MAX],
  );
  if ((rows[0]?.open ?? 0) < QUEUED_MAX) return;
  throw new Failure(
    "rate_limited",
    `An organization has at most ${QUEUED_MAX} responses in the background at once. Wait until some have ended.`,
    { code: "too_many_background_responses", retryAfterSeconds: 30 },
  );
}

/** What an organization has stored, in bytes. */
export async function readStoredBytes(database: Database, organizationId: bigint): Promise<number> {
  const { rows } = await database.pool.query<{ bytes: bigint }>(
    `select (select coalesce(sum(bytes), 0) from stored_response where organization_id = $1)::bigint
       + (select coalesce(sum(i.bytes), 0) from conversation c
          join conversation_item i using (project_id, conversation_id)
          where c.organization_id = $1)::bigint as bytes`,
    [organizationId],
  );
  return Number(rows[0]?.bytes ?? 0n);
}

export async function findResponse(
  database: Database,
  tenant: Tenant,
  responseId: string,
): Promise<StoredResponse | undefined> {
  const { rows } = await database.pool.query<ResponseRow>(
    `select ${responseColumns} from stored_response
     where project_id = $1 and organization_id = $2 and response_id = $3 and expires_at > now()`,
    [tenant.projectId, tenant.organizationId, responseId],
  );
  return rows[0] === undefined ? undefined : toStored(rows[0]);
}

/** For those who wait for its end. */
export async function findStatus(
  database: Database,
  tenant: Tenant,
  responseId: string,
): Promise<ResponseStatus | undefined> {
  const { rows } = await database.pool.query<Pick<ResponseRow, "status">>(
    `select status from stored_response
     where project_id = $1 and organization_id = $2 and response_id = $3 and expires_at > now()`,
    [tenant.projectId, tenant.organizationId, responseId],
  );
  return rows[0]?.status;
}

/** @returns false when there is none. One in the making is given up, too. */
export async function deleteResponse(
  database: Database,
  tenant: Tenant,
  responseId: string,
): Promise<boolean> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<{ job_id: string | null }>(
      `delete from stored_response where project_id = $1 and organization_id = $2 and response_id = $3
       returning job_id`,
      [tenant.projectId, tenant.organizationId, responseId],
    );
    const jobId = rows[0]?.job_id;
    if (jobId != null) await askToCancelJob(client, jobId);
    return rows.length > 0;
  });
}

/**
 * One that has ended stays as it is.
 *
 * @throws Failure `invalid` for a response that is not made in the background
 */
export async function cancelResponse(
  database: Database,
  tenant: Tenant,
  responseId: string,
): Promise<StoredResponse | undefined> {
  return await database.transact(async (client) => {
    const { rows } = await client.query<ResponseRow>(
      `select ${responseColumns} from stored_response
       where project_id = $1 and organization_id = $2 and response_id = $3 and expires_at > now()
       for no key update`,
      [tenant.projectId, tenant.organizationId, responseId],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    if (row.job_id === null) throw notInBackground(responseId);
    if (hasEnded(row.status)) return toStored(row);
    await client.query(
      "update stored_response set status = 'cancelled' where project_id = $1 and response_id = $2",
      [tenant.projectId, responseId],
    );
    await askToCancelJob(client, row.job_id);
    return toStored({ ...row, status: "cancelled" });
  });
}

const notInBackground = (responseId: string): Failure =>
  new Failure(
    "invalid",
    `The response '${responseId}' was not created with 'background': true, so there is nothing to cancel.`,
    { code: "response_not_in_background", param: "response_id" },
  );

/** Its job has begun to work on it. Undefined when it was deleted meanwhile. */
export async function beginResponse(
  database: Database,
  jobId: string,
): Promise<StoredResponse | undefined> {
  const { rows } = await database.pool.query<ResponseRow>(
    `update stored_response set status = case status when 'queued' then 'in_progress' else status end
     where job_id = $1 returning ${responseColumns}`,
    [jobId],
  );
  return rows[0] === undefined ? undefined : toStored(rows[0]);
}

/**
 * Its job has come to an end. Where somebody cancelled it while the answer was under way, it stays cancelled, but what
 * was answered and paid for is there. Running it twice changes nothing.
 *
 * @returns undefined when it was deleted, or had ended before
 */
export async function endResponse(
  database: Database,
  jobId: string,
  ended: { status: ResponseStatus; response: JsonObject },
): Promise<StoredResponse | undefined> {
  const { output, outputText, responseText } = toParts(ended);
  const { rows } = await database.pool.query<ResponseRow>(
    `with ended as (
       update stored_response
       set status = case status when 'cancelled' then status else $2 end,
         request = null, output = $3, response = $4, bytes = octet_length(input) + $5
       where job_id = $1 and (status in ('queued', 'in_progress') or status = 'cancelled' and output = '[]')
       returning ${responseColumns}
     ), items as (
       insert into stored_item (project_id, item_id, response_id)
       select project_id, item_id, response_id from ended, unnest($6::text[]) as i (item_id)
       on conflict do nothing
     )
     select * from ended`,
    [jobId, ended.status, outputText, responseText, bytesOf(outputText), idsOf(output)],
  );
  return rows[0] === undefined ? undefined : toStored(rows[0]);
}

/** As many as one statement deletes in a moment. */
const SWEPT_AT_ONCE = 500;

/** @returns how many were deleted; call again while it is not 0. */
export async function deleteExpired(database: Database): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from stored_response where (project_id, response_id) in (
       select project_id, response_id from stored_response where expires_at <= now() limit $1)`,
    [SWEPT_AT_ONCE],
  );
  return rowCount ?? 0;
}
