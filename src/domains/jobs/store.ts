/**
 * The queue of jobs. A worker claims a job, says again and again that it still works on it, and ends it. A claim that
 * falls silent is taken over; from then on the first worker's statements find no row.
 */
import type { PoolClient } from "pg";
import type { JsonObject } from "../../lib/json.ts";
import type { Database } from "../../platform/db/database.ts";
import type { End, Job, JobKind, NewJob } from "./job.ts";

/** In the transaction that writes what the job is about. */
export async function addJob(client: PoolClient, job: NewJob): Promise<void> {
  await client.query(
    `insert into job (job_id, kind, organization_id, key_id, payload, file_store_id)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      job.jobId,
      job.kind,
      job.organizationId,
      job.keyId,
      JSON.stringify(job.payload),
      job.fileStoreId,
    ],
  );
}

/** Whoever runs the job hears of it with the next heartbeat and ends it; one that waits is claimed at once for that. */
export async function askToCancelJob(client: PoolClient, jobId: string): Promise<void> {
  await client.query(
    `update job set cancel_asked_at = coalesce(cancel_asked_at, now()), not_before = least(not_before, now())
     where job_id = $1 and state in ('waiting', 'running')`,
    [jobId],
  );
}

export type ClaimOptions = {
  workerId: string;
  kind: JobKind;
  fileStoreId: string;
  limit: number;
  /** So that one organization's jobs never take all places. */
  perOrganizationMax: number;
  /** A claim without a heartbeat for this long is taken over. */
  silentMs: number;
  /** What this worker is running already: after a long stall its own claims look silent, too. */
  notJobIds: readonly string[];
};

type JobRow = {
  job_id: string;
  kind: JobKind;
  organization_id: bigint;
  key_id: string;
  payload: JsonObject;
  file_store_id: string | null;
  failures: number;
  run: number;
  created_at: Date;
  cancel_asked_at: Date | null;
};

/**
 * Takes jobs: those of organizations with the fewest running ones first, then the oldest. Two workers that claim at
 * once pass over each other's rows, and may together take one or two more than an organization's share.
 */
export async function claimJobs(database: Database, options: ClaimOptions): Promise<Job[]> {
  if (options.limit <= 0) return [];
  const { rows } = await database.pool.query<JobRow>(
    `with busy as (
       select organization_id, count(*) as jobs from job
       where state = 'running' and kind = $2 and heartbeat_at >= now() - $6 * interval '1 millisecond'
       group by organization_id
     ),
     due as (
       select job_id, job.created_at, coalesce(busy.jobs, 0) + row_number() over (
         partition by organization_id order by job.created_at, job_id) as place
       from job left join busy using (organization_id)
       where kind = $2 and (file_store_id is null or file_store_id = $3) and job_id <> all ($7::uuid[])
         and (state = 'waiting' and not_before <= now()
           or state = 'running' and heartbeat_at < now() - $6 * interval '1 millisecond')
     ),
     taken as (
       select job.job_id from job join due using (job_id)
       where due.place <= $5 and state in ('waiting', 'running')
       order by due.place, due.created_at limit $4 for update of job skip locked
     )
     update job set state = 'running', worker_id = $1, heartbeat_at = now(), claims = claims + 1
     from taken where job.job_id = taken.job_id
       and (state = 'waiting' or heartbeat_at < now() - $6 * interval '1 millisecond')
     returning job.job_id, kind, organization_id, key_id, payload, file_store_id, failures, run,
       created_at, cancel_asked_at`,
    [
      options.workerId,
      options.kind,
      options.fileStoreId,
      options.limit,
      options.perOrganizationMax,
      options.silentMs,
      options.notJobIds,
    ],
  );
  return rows.map(toJob);
}

const toJob = (row: JobRow): Job => ({
  jobId: row.job_id,
  kind: row.kind,
  organizationId: row.organization_id,
  keyId: row.key_id,
  payload: row.payload,
  fileStoreId: row.file_store_id,
  failures: row.failures,
  run: row.run,
  createdAt: row.created_at,
  isCancelAsked: row.cancel_asked_at !== null,
});

/** @returns those of the jobs that are still this worker's, and whether each is to be cancelled. */
export async function heartbeat(
  database: Database,
  workerId: string,
  jobIds: readonly string[],
): Promise<Map<string, { isCancelAsked: boolean }>> {
  const { rows } = await database.pool.query<{ job_id: string; is_cancel_asked: boolean }>(
    `update job set heartbeat_at = now()
     where job_id = any ($1::uuid[]) and worker_id = $2 and state = 'running'
     returning job_id, cancel_asked_at is not null as is_cancel_asked`,
    [jobIds, workerId],
  );
  return new Map(rows.map((row) => [row.job_id, { isCancelAsked: row.is_cancel_asked }]));
}

/** Changes nothing when the job is no longer this worker's. */
export async function endJob(
  database: Database,
  options: { jobId: string; workerId: string; end: End },
): Promise<void> {
  const { jobId, workerId, end } = options;
  if ("againInMs" in end) {
    await database.pool.query(
      `update job set state = 'waiting', worker_id = null, not_before = now() + $3 * interval '1 millisecond',
         failures = case when $4 then failures + 1 else 0 end
       where job_id = $1 and worker_id = $2 and state = 'running'`,
      [jobId, workerId, end.againInMs, end.hasFailed === true],
    );
    return;
  }
  await database.pool.query(
    `update job set state = $3, worker_id = null, ended_at = now()
     where job_id = $1 and worker_id = $2 and state = 'running'`,
    [jobId, workerId, end.state],
  );
}

/** At an orderly stop: others may go on at once. */
export async function giveJobsBack(database: Database, workerId: string): Promise<void> {
  await database.pool.query(
    `update job set state = 'waiting', worker_id = null, not_before = now()
     where worker_id = $1 and state = 'running'`,
    [workerId],
  );
}

/** Numbers the next call of a job, before it is made. Undefined when the job is no longer this worker's. */
export async function takeRun(
  database: Database,
  job: { jobId: string; workerId: string },
): Promise<number | undefined> {
  const { rows } = await database.pool.query<{ run: number }>(
    `update job set run = run + 1 where job_id = $1 and worker_id = $2 and state = 'running' returning run`,
    [job.jobId, job.workerId],
  );
  return rows[0]?.run;
}

export type QueueLength = {
  kind: JobKind;
  waiting: number;
  running: number;
  /** Of the one that has waited longest, in seconds; 0 when none waits. */
  oldestWaitingSeconds: number;
};

export async function readQueueLengths(database: Database): Promise<QueueLength[]> {
  const { rows } = await database.pool.query<{
    kind: JobKind;
    waiting: number;
    running: number;
    oldest: number;
  }>(
    `select kind, count(*) filter (where state = 'waiting')::int as waiting,
       count(*) filter (where state = 'running')::int as running,
       coalesce(extract(epoch from now() - min(created_at) filter (where state = 'waiting')), 0)::float8 as oldest
     from job where state in ('waiting', 'running') group by kind`,
  );
  return rows.map(({ oldest, ...row }) => ({ ...row, oldestWaitingSeconds: Math.max(oldest, 0) }));
}

const SWEPT_AT_ONCE = 1_000;
const ENDED_DAYS = 7;

/** A job that has ended says nothing that the row it is about does not say. */
export async function sweepJobs(database: Database): Promise<void> {
  await database.pool.query(
    `delete from job where job_id in (
       select job_id from job where ended_at < now() - $1 * interval '1 day' limit $2)`,
    [ENDED_DAYS, SWEPT_AT_ONCE],
  );
}
