/** What may be kept of an organization's calls, on PostgreSQL. The rows of its log are a domain of their own. */
import type { PoolClient } from "pg";
import { Failure } from "../../lib/errors.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import type { RequestLogMode, Retention } from "./retention.ts";

/** Left out: stays. */
export type NewRequestLog = {
  mode: RequestLogMode;
  /** From 0 to 1. */
  sample?: number | undefined;
  days?: number | undefined;
  isRedacted: boolean;
};

type Row = {
  name: string;
  request_log: RequestLogMode;
  request_log_sample: number;
  request_log_days: number;
  request_log_redacts: boolean;
  zero_retention: boolean;
};

const returning =
  "returning name, request_log, request_log_sample, request_log_days, request_log_redacts, zero_retention";

/** From the next call on. What is in the log stays there until its days are over. */
export const setRequestLog = (
  database: Database,
  options: { organization: string; requestLog: NewRequestLog; actor: string },
): Promise<Retention> =>
  database.transact(async (client) => {
    const { organization, requestLog, actor } = options;
    const { mode, sample, days, isRedacted } = requestLog;
    const retention = await change(
      client,
      organization,
      `update organization set request_log = $2, request_log_sample = coalesce($3, request_log_sample),
         request_log_days = coalesce($4, request_log_days), request_log_redacts = $5
       where name = $1 ${returning}`,
      [mode, sample ?? null, days ?? null, isRedacted],
    );
    const detail = { mode, sample, days, redaction: isRedacted };
    await recordChange(client, { actor, action: "request_log.set", subject: organization, detail });
    return retention;
  });

/** The answers that gateways keep in memory are forgotten, should they ever be allowed again. */
export const setZeroRetention = (
  database: Database,
  options: { organization: string; isOn: boolean; actor: string },
): Promise<Retention> =>
  database.transact(async (client) => {
    const { organization, isOn, actor } = options;
    const retention = await change(
      client,
      organization,
      `update organization set zero_retention = $2, cache_epoch = cache_epoch + 1 where name = $1 ${returning}`,
      [isOn],
    );
    await recordChange(client, {
      actor,
      action: "zero_retention.set",
      subject: organization,
      detail: { on: isOn },
    });
    return retention;
  });

async function change(
  client: PoolClient,
  organization: string,
  statement: string,
  values: unknown[],
): Promise<Retention> {
  const { rows } = await client.query<Row>(statement, [organization, ...values]);
  if (rows[0] !== undefined) return toRetention(rows[0]);
  throw new Failure("not_found", `There is no organization '${organization}'.`, {
    param: "name",
    code: "organization_not_found",
  });
}

const toRetention = (row: Row): Retention => ({
  organization: row.name,
  mode: row.request_log,
  sample: row.request_log_sample,
  days: row.request_log_days,
  isRedacted: row.request_log_redacts,
  zeroRetention: row.zero_retention,
});
