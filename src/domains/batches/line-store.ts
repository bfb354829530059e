/**
 * The lines of batches under way. A line is waiting, then sent as its next run, then answered or refused, or waiting again.
 *
 * Who may send: the worker that has claimed the batch's job; the statement locks the job's row against a take-over. What
 * became of a run may be written by anybody who knows it: a statement names the run, and changes nothing when the line has
 * gone on since.
 */
import type { Database } from "../../platform/db/database.ts";

export type NewLine = {
  number: number;
  offset: number;
  length: number;
  /** JSON of the client's id. */
  customId: string;
};

export async function insertLines(
  database: Database,
  batchId: string,
  lines: readonly NewLine[],
): Promise<void> {
  await database.pool.query(
    `insert into batch_line (batch_id, line_number, byte_offset, byte_length, custom_id)
     select $1, * from unnest($2::int[], $3::bigint[], $4::int[], $5::text[])
     on conflict (batch_id, line_number) do nothing`,
    [
      batchId,
      lines.map((line) => line.number),
      lines.map((line) => line.offset),
      lines.map((line) => line.length),
      lines.map((line) => line.customId),
    ],
  );
}

/** Before a file is read again from its beginning. */
export async function deleteLines(database: Database, batchId: string): Promise<void> {
  await database.pool.query("delete from batch_line where batch_id = $1", [batchId]);
}

/** A line that was just marked as sent, or was found so. */
export type SentLine = {
  number: number;
  offset: number;
  length: number;
  run: number;
  failures: number;
};

type LineRow = {
  line_number: number;
  byte_offset: bigint;
  byte_length: number;
  run: number;
  failures: number;
};

const toSentLine = (row: LineRow): SentLine => ({
  number: row.line_number,
  offset: Number(row.byte_offset),
  length: row.byte_length,
  run: row.run,
  failures: row.failures,
});

export type Taking = { batchId: string; workerId: string; limit: number };

/** The job's row is locked against a take-over: none is taken when the job is another worker's. */
const ownJob = `own_job as materialized (
  select job_id from job where job_id = $1 and worker_id = $2 and state = 'running' for share
)`;

const markSent = `update batch_line l set state = 'sent', run = run + 1
  from next, own_job where l.batch_id = own_job.job_id and l.line_number = next.line_number and l.state = 'waiting'
  returning l.line_number, byte_offset, byte_length, run, failures`;

/**
 * Marks lines that have never been sent as sent and numbers their runs; only then may they be sent. By windows of numbers: a
 * look costs the same in every batch, however long, and whatever the planner knows about it.
 */
export async function takeNewLines(
  database: Database,
  taking: Taking & { from: number; to: number },
): Promise<SentLine[]> {
  const { rows } = await database.pool.query<LineRow>(
    `with ${ownJob},
     next as materialized (
       select line_number from batch_line
       where batch_id = $1 and line_number between $4 and $5 and state = 'waiting' and run = 0
       order by line_number limit $3
     )
     ${markSent}`,
    [taking.batchId, taking.workerId, taking.limit, taking.from, taking.to],
  );
  return rows.map(toSentLine).sort((a, b) => a.number - b.number);
}

/** The same for lines whose runs have failed, and whose wait is over. */
export async function takeLinesAgain(database: Database, taking: Taking): Promise<SentLine[]> {
  const { rows } = await database.pool.query<LineRow>(
    `with ${ownJob},
     next as materialized (
       select line_number from batch_line
       where batch_id = $1 and state = 'waiting' and run > 0 and not_before <= now()
       order by not_before limit $3
     )
     ${markSent}`,
    [taking.batchId, taking.workerId, taking.limit],
  );
  return rows.map(toSentLine);
}

/** 0 when there are none. Empty lines of the file have numbers, too, and no rows. */
export async function readLastNumber(database: Database, batchId: string): Promise<number> {
  const { rows } = await database.pool.query<{ last: number | null }>(
    "select max(line_number) as last from batch_line where batch_id = $1",
    [batchId],
  );
  return rows[0]?.last ?? 0;
}

/** Lines whose run nobody has told the end of. */
export async function listSent(
  database: Database,
  batchId: string,
  options: { notNumbers: readonly number[]; limit: number },
): Promise<SentLine[]> {
  const { rows } = await database.pool.query<LineRow>(
    `select line_number, byte_offset, byte_length, run, failures from batch_line
     where batch_id = $1 and state = 'sent' and line_number <> all ($2::int[]) order by line_number limit $3`,
    [batchId, options.notNumbers, options.limit],
  );
  return rows.map(toSentLine);
}

/** What became of a run. */
export type RunEnd = { number: number; run: number } & (
  | { state: "answered" }
  | { state: "refused"; result: LineResult }
  /** Again, as the next run. */
  | { state: "waiting"; waitMs: number; failures: number }
);

export type LineResult =
  | { status: number; requestId: string; body: string }
  | { code: string; message: string };

/** All ends, and the batch's counts with them, in one statement. */
export async function endRuns(
  database: Database,
  batchId: string,
  ends: readonly RunEnd[],
): Promise<void> {
  await database.pool.query(
    `with ended as (
       update batch_line l set state = e.state, result = e.result,
         failures = coalesce(e.failures, l.failures),
         not_before = now() + e.wait_ms * interval '1 millisecond'
       from unnest($2::int[], $3::int[], $4::text[], $5::text[], $6::int[], $7::float8[])
         as e (line_number, run, state, result, failures, wait_ms)
       where l.batch_id = $1 and l.line_number = e.line_number and l.run = e.run and l.state = 'sent'
       returning l.state
     )
     update batch set
       completed = completed + (select count(*) from ended where state = 'answered'),
       failed = failed + (select count(*) from ended where state = 'refused')
     where batch_id = $1`,
    [
      batchId,
      ends.map((end) => end.number),
      ends.map((end) => end.run),
      ends.map((end) => end.state),
      ends.map((end) => (end.state === "refused" ? JSON.stringify(end.result) : null)),
      ends.map((end) => (end.state === "waiting" ? end.failures : null)),
      ends.map((end) => (end.state === "waiting" ? end.waitMs : null)),
    ],
  );
}

/** The batch was cancelled or has expired: what has not been sent will not be. */
export async function refuseWaiting(
  database: Database,
  batchId: string,
  result: LineResult,
): Promise<void> {
  await database.pool.query(
    `with ended as (
       update batch_line set state = 'refused', result = $2 where batch_id = $1 and state = 'waiting' returning 1
     )
     update batch set failed = failed + (select count(*) from ended) where batch_id = $1`,
    [batchId, JSON.stringify(result)],
  );
}

type LinesLeft = { waiting: number; sent: number; nextInMs: number };

/** What is left to do, and when the next line that waits may be sent. Does not look at every line. */
export async function readLinesLeft(database: Database, batchId: string): Promise<LinesLeft> {
  const { rows } = await database.pool.query<{
    undone: number;
    sent: number;
    next_in_ms: number | null;
  }>(
    `select total - completed - failed as undone,
       (select count(*)::int from batch_line where batch_id = $1 and state = 'sent') as sent,
       (select extract(epoch from min(not_before) - now())::float8 * 1000 from batch_line
        where batch_id = $1 and state = 'waiting' and run > 0) as next_in_ms
     from batch where batch_id = $1`,
    [batchId],
  );
  const { undone = 0, sent = 0, next_in_ms = null } = rows[0] ?? {};
  return { waiting: undone - sent, sent, nextInMs: Math.max(next_in_ms ?? 0, 0) };
}

export type EndedLine = { number: number; run: number; customId: string } & (
  | { state: "answered" }
  | { state: "refused"; result: LineResult }
);

/** Those with numbers from one to another, in the order of the input. */
export async function listEnded(
  database: Database,
  batchId: string,
  { from, to }: { from: number; to: number },
): Promise<EndedLine[]> {
  const { rows } = await database.pool.query<{
    line_number: number;
    run: number;
    custom_id: string;
    state: "answered" | "refused";
    result: string | null;
  }>(
    `select line_number, run, custom_id, state, result from batch_line
     where batch_id = $1 and line_number between $2 and $3 and state in ('answered', 'refused')
     order by line_number`,
    [batchId, from, to],
  );
  return rows.map((row): EndedLine => {
    const line = { number: row.line_number, run: row.run, customId: row.custom_id };
    if (row.state === "answered") return { ...line, state: "answered" };
    return { ...line, state: "refused", result: JSON.parse(row.result ?? "{}") as LineResult };
  });
}
