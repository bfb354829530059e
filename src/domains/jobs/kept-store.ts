/**
 * Answers of calls that the worker makes on behalf of a key. One row for each run of a call, which says once and for
 * all how the run ended:
 *
 *   begun → kept    the gateway has stored the answer with its usage: it is charged
 *   begun → void    there is no answer, or nobody waits for it any more: nothing is charged
 *
 * Whoever changes the row first decides. A gateway keeps an answer before it settles the attempt; recovery and the
 * worker make void what is not kept. So an answer is charged if and only if it is there.
 */
import { eventIdOf } from "../../lib/ids.ts";
import type { Usage } from "../../lib/quantities.ts";
import type { Database } from "../../platform/db/database.ts";

export type Kept = {
  requestId: string;
  attempt: number;
  /** False for keys of mode `test`: no event will ever be posted. */
  isBilled: boolean;
  body: Uint8Array;
  contentType: string;
  usage: Usage;
};

/**
 * Before anything is dispatched.
 *
 * @returns false when this run was begun or made void before, or its job has ended: it must not be dispatched.
 */
export async function beginKept(
  database: Database,
  begin: { requestId: string; jobId: string; gatewayId: string; organizationId: bigint },
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `insert into kept_answer (request_id, job_id, gateway_id, organization_id, state)
     select $1, job_id, $3, organization_id, 'begun' from job
     where job_id = $2 and organization_id = $4 and state = 'running'
     on conflict (request_id) do nothing`,
    [begin.requestId, begin.jobId, begin.gatewayId, begin.organizationId],
  );
  return rowCount === 1;
}

/**
 * Before the attempt is settled. May be asked again when the answer to the question was lost.
 *
 * @returns false when the run was made void meanwhile: nothing of it may be charged.
 */
export async function keepAnswer(database: Database, kept: Kept): Promise<boolean> {
  const eventId = eventIdOf(kept.requestId, kept.attempt);
  const { rowCount } = await database.pool.query(
    `update kept_answer set state = 'kept', event_id = $2, is_billed = $3, body = $4, content_type = $5, usage = $6
     where request_id = $1 and (state = 'begun' or state = 'kept' and event_id = $2)`,
    [
      kept.requestId,
      eventId,
      kept.isBilled,
      kept.body,
      kept.contentType,
      // Not jsonb: a provider's usage object may hold what that refuses, such as the character U+0000.
      JSON.stringify(kept.usage),
    ],
  );
  return rowCount === 1;
}

/** The run ended without an answer. What is kept stays kept. */
export async function endUnkept(database: Database, requestId: string): Promise<void> {
  await database.pool.query(
    "update kept_answer set state = 'void' where request_id = $1 and state = 'begun'",
    [requestId],
  );
}

export type RunState =
  | { state: "kept" | "void" | "unknown" }
  /** Under way, unless that gateway is dead. */
  | { state: "begun"; gatewayId: string; begunAt: Date };

/** @param isGivenUp makes the run void unless it is kept: the state that is returned is the last one. */
export async function settleRun(
  database: Database,
  run: { requestId: string; jobId: string; organizationId: bigint; isGivenUp: boolean },
): Promise<RunState> {
  if (run.isGivenUp) {
    await database.pool.query(
      `insert into kept_answer (request_id, job_id, organization_id, state) values ($1, $2, $3, 'void')
       on conflict (request_id) do update set state = 'void' where kept_answer.state = 'begun'`,
      [run.requestId, run.jobId, run.organizationId],
    );
  }
  const { rows } = await database.pool.query<{
    state: "begun" | "kept" | "void";
    gateway_id: string | null;
    created_at: Date;
  }>(
    `select state, gateway_id, created_at from kept_answer where request_id = $1 and organization_id = $2`,
    [run.requestId, run.organizationId],
  );
  const row = rows[0];
  if (row === undefined) return { state: "unknown" };
  if (row.state !== "begun") return { state: row.state };
  return { state: "begun", gatewayId: row.gateway_id ?? "", begunAt: row.created_at };
}

/**
 * For recovery, after the gateway has died: what is not kept by now never will be.
 *
 * @returns the usage of the attempts whose answers are kept, by event id. All others are settled as nothing.
 */
export async function readKept(
  database: Database,
  intents: readonly { requestId: string; organizationId: bigint }[],
): Promise<Map<string, Usage>> {
  if (intents.length === 0) return new Map();
  const requestIds = intents.map(({ requestId }) => requestId);
  await database.pool.query(
    `insert into kept_answer (request_id, organization_id, state)
     select distinct on (request_id) request_id, organization_id, 'void'
     from unnest($1::uuid[], $2::bigint[]) as r (request_id, organization_id)
     order by request_id
     on conflict (request_id) do update set state = 'void' where kept_answer.state = 'begun'`,
    [requestIds, intents.map(({ organizationId }) => organizationId)],
  );
  const { rows } = await database.pool.query<{ event_id: string; usage: string }>(
    `select event_id, usage from kept_answer where request_id = any ($1::uuid[]) and state = 'kept'`,
    [requestIds],
  );
  return new Map(rows.map((row) => [row.event_id, JSON.parse(row.usage) as Usage]));
}

/** Undefined when nothing is kept for this request of this organization. */
export async function readKeptAnswer(
  database: Database,
  run: { requestId: string; organizationId: bigint },
): Promise<{ body: Uint8Array; contentType: string; usage: Usage } | undefined> {
  const { rows } = await database.pool.query<{ body: Buffer; content_type: string; usage: string }>(
    `select body, content_type, usage from kept_answer
     where request_id = $1 and organization_id = $2 and state = 'kept'`,
    [run.requestId, run.organizationId],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    body: row.body,
    contentType: row.content_type,
    usage: JSON.parse(row.usage) as Usage,
  };
}

/** Those that are kept, by request id. */
export async function readKeptAnswers(
  database: Database,
  asked: { organizationId: bigint; requestIds: readonly string[] },
): Promise<Map<string, { body: Uint8Array; usage: Usage }>> {
  if (asked.requestIds.length === 0) return new Map();
  const { rows } = await database.pool.query<{ request_id: string; body: Buffer; usage: string }>(
    `select request_id, body, usage from kept_answer
     where request_id = any ($1::uuid[]) and organization_id = $2 and state = 'kept'`,
    [asked.requestIds, asked.organizationId],
  );
  return new Map(
    rows.map((row) => [row.request_id, { body: row.body, usage: JSON.parse(row.usage) as Usage }]),
  );
}

/** The results of this job are where they belong: its kept answers may go as soon as their usage is posted. */
export async function releaseKept(database: Database, jobId: string): Promise<void> {
  await database.pool.query(
    `update kept_answer set released_at = now(), state = case state when 'begun' then 'void' else state end
     where job_id = $1 and released_at is null`,
    [jobId],
  );
}

/** A run that was made void may still be under way somewhere, but no call lasts as long as this. */
const VOID_DAYS = 2;
const SWEPT_AT_ONCE = 1_000;

/**
 * Deletes what nobody needs any more. An answer whose event is not posted yet stays: should its gateway have died,
 * recovery still has to find it.
 *
 * @returns how many rows went; call again while it is not 0.
 */
export async function sweepKept(database: Database): Promise<number> {
  const posted = await database.pool.query(
    `delete from kept_answer where request_id in (
       select request_id from kept_answer k
       where released_at is not null and state = 'kept'
         and (not is_billed or exists (select from usage_event u where u.event_id = k.event_id))
       limit $1)`,
    [SWEPT_AT_ONCE],
  );
  const old = await database.pool.query(
    `delete from kept_answer where request_id in (
       select request_id from kept_answer
       where state = 'void' and created_at < now() - $1 * interval '1 day' limit $2)`,
    [VOID_DAYS, SWEPT_AT_ONCE],
  );
  return (posted.rowCount ?? 0) + (old.rowCount ?? 0);
}
