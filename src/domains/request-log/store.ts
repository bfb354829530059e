/** The request log on PostgreSQL. Written by gateways in batches, read and purged by operators, emptied by the worker. */
import { Failure } from "../../lib/errors.ts";
import { isUuid } from "../../lib/ids.ts";
import type { JsonObject } from "../../lib/json.ts";
import { unseal } from "../../platform/crypto.ts";
import { recordEvent } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { type Page, toPage } from "../../platform/db/page.ts";
import type { LogFilter, LoggedCall, LoggedContent, NewLoggedCall } from "./logged-call.ts";

/**
 * Running it twice changes nothing: a call has one row. What an organization has forbidden while the call waited to be
 * written is not written; its row is locked, so that nothing comes in after a change that was answered.
 *
 * @returns how many were written.
 */
export async function insertCalls(
  database: Database,
  calls: readonly NewLoggedCall[],
): Promise<number> {
  const { rowCount } = await database.pool.query(
    `with allowed as (
       select organization_id, request_log = 'full' as with_content from organization
       where organization_id = any($2::bigint[]) and request_log <> 'off' and not zero_retention
       order by organization_id for share
     )
     insert into request_log (request_id, organization_id, at, metadata, content)
     select request_id, organization_id, at, metadata, case when with_content then content end
     from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::jsonb[], $5::bytea[])
       as call (request_id, organization_id, at, metadata, content)
     join allowed using (organization_id)
     on conflict (request_id) do nothing`,
    [
      calls.map(({ requestId }) => requestId),
      calls.map(({ organizationId }) => organizationId),
      calls.map(({ at }) => at),
      calls.map(({ metadata }) => JSON.stringify(metadata)),
      calls.map(({ content }) => content),
    ],
  );
  return rowCount ?? 0;
}

type CallRow = {
  request_id: string;
  organization: string;
  at: Date;
  metadata: JsonObject;
  has_content: boolean;
};

const columns =
  "request_id, organization.name as organization, at, metadata, content is not null as has_content";

/** Newest first. */
export async function listCalls(database: Database, filter: LogFilter): Promise<Page<LoggedCall>> {
  const { organizationId, from, to, status, limit } = filter;
  const before = filter.after === undefined ? undefined : readCursor(filter.after);
  const { rows } = await database.pool.query<CallRow>(
    `select ${columns} from request_log join organization using (organization_id)
     where organization_id = $1 and at >= $2 and at < $3
       and ($4::int is null or (metadata ->> 'status')::int = $4)
       and ($5::timestamptz is null or (at, request_id) < ($5, $6::uuid))
     order by at desc, request_id desc limit $7`,
    [
      ...[organizationId, from ?? "-infinity", to ?? "infinity", status ?? null],
      ...[before?.at ?? null, before?.requestId ?? null, limit + 1],
    ],
  );
  return toPage(rows.map(toLoggedCall), filter, cursorOf);
}

/** The instant and the id: a row that is deleted meanwhile leaves no gap. */
const cursorOf = ({ at, requestId }: LoggedCall): string => `${at.getTime()}_${requestId}`;

function readCursor(after: string): { at: Date; requestId: string } {
  const [ms = "", requestId = ""] = after.split("_");
  if (/^\d{1,15}$/.test(ms) && isUuid(requestId)) return { at: new Date(Number(ms)), requestId };
  throw new Failure("invalid", "'after' must be the 'next_after' of the page before.", {
    param: "after",
  });
}

/**
 * With what was said, where that was kept. That it was read is written down before anybody sees it.
 *
 * @throws Failure `conflict` when it was sealed with another key.
 */
export async function readLoggedCall(
  database: Database,
  options: { requestId: string; sealKey: string; actor: string },
): Promise<{ call: LoggedCall; content: LoggedContent | undefined } | undefined> {
  const { requestId, sealKey, actor } = options;
  return await database.transact(async (client) => {
    const { rows } = await client.query<CallRow & { content: Buffer | null }>(
      `select ${columns}, content from request_log join organization using (organization_id) where request_id = $1`,
      [requestId],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const call = toLoggedCall(row);
    if (row.content === null) return { call, content: undefined };
    const content = JSON.parse(unseal(sealKey, row.content)) as LoggedContent;
    const detail = { organization: call.organization };
    await recordEvent(client, {
      actor,
      action: "request_log.read",
      subject: requestId,
      detail,
    });
    return { call, content };
  });
}

/** Rows of one statement: short locks, and little to write again should it fail. */
const DELETED_AT_ONCE = 1_000;

/** What is older than its organization's days, and everything of those that may keep nothing. @returns how many went. */
export async function deleteOutdated(database: Database, now: Date): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from request_log where request_id in (
       select old.request_id from organization o cross join lateral (
         select request_id from request_log l
         where l.organization_id = o.organization_id
           and (o.zero_retention or l.at < $1::timestamptz - o.request_log_days * interval '1 day')
         order by at limit $2
       ) old limit $2
     )`,
    [now, DELETED_AT_ONCE],
  );
  return rowCount ?? 0;
}

/** Everything of one organization. Each statement by itself: a purge that breaks off has deleted what it has deleted. */
export async function purgeCalls(
  database: Database,
  options: { organizationId: bigint; organization: string; actor: string },
): Promise<number> {
  const { organizationId, organization: subject, actor } = options;
  await database.transact((client) =>
    recordEvent(client, { actor, action: "request_log.purge", subject, detail: {} }),
  );
  let deleted = 0;
  for (;;) {
    const { rowCount } = await database.pool.query(
      `delete from request_log where request_id in (
         select request_id from request_log where organization_id = $1 order by at limit $2
       )`,
      [organizationId, DELETED_AT_ONCE],
    );
    deleted += rowCount ?? 0;
    if ((rowCount ?? 0) < DELETED_AT_ONCE) return deleted;
  }
}

const toLoggedCall = (row: CallRow): LoggedCall => ({
  requestId: row.request_id,
  organization: row.organization,
  at: row.at,
  metadata: row.metadata,
  hasContent: row.has_content,
});
