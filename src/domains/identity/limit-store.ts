/** Limits on PostgreSQL. Those of keys lie with the key; all others in a table of their own. */
import type { PoolClient } from "pg";
import { Failure } from "../../lib/errors.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import {
  type CallLimit,
  type CallLimits,
  isLimited,
  type LimitRecord,
  type LimitScope,
  type Priority,
} from "./limits.ts";

/** What is limited. A key is named by its id. */
export type LimitSubject =
  | { scope: "organization"; organization: string }
  | { scope: "project"; organization: string; project: string }
  | { scope: "key"; keyId: string }
  | { scope: "model"; model: string };

/** Left out: stays. Null: no limit any more. */
export type NewLimits = {
  rpm?: number | null | undefined;
  tpm?: number | null | undefined;
  concurrency?: number | null | undefined;
  /** Keys only. */
  priority?: Priority | undefined;
};

type LimitRow = CallLimits & {
  scope: LimitScope;
  organization: string | null;
  name: string;
  priority: Priority | null;
};

const selectLimits = `
  select * from (
    select 'organization' as scope, null as organization, name, rpm, tpm, concurrency, null as priority, organization_id as id
    from call_limit join organization on scope = 'organization' and subject_id = organization_id
    union all
    select 'project', organization.name, project.name, rpm, tpm, concurrency, null, project_id
    from call_limit join project on scope = 'project' and subject_id = project_id join organization using (organization_id)
    union all
    select 'model', null, name, rpm, tpm, concurrency, null, model_id
    from call_limit join model on scope = 'model' and subject_id = model_id and removed_at is null
    union all
    select 'key', organization.name, key_id, rpm, tpm, concurrency, priority, 0
    from api_key join project using (project_id) join organization using (organization_id)
    where (revoked_at is null or revoked_at > now())
      and (coalesce(rpm, tpm, concurrency) is not null or priority <> 'normal')
  ) as limits`;

/** More limits than a person reads; whoever has more narrows the question. */
const LIMITS_MAX = 10_000;

/** Everything that is limited, organizations first. */
export async function listLimits(
  database: Database,
  options: { scope?: LimitScope | undefined },
): Promise<LimitRecord[]> {
  const { rows } = await database.pool.query<LimitRow>(
    `${selectLimits} where $1::text is null or scope = $1
     order by array_position(array['organization', 'project', 'key', 'model'], scope), id, name limit $2`,
    [options.scope ?? null, LIMITS_MAX],
  );
  return rows.map(toRecord);
}

/** From the next call on. What is under way goes on. */
export async function setLimits(
  database: Database,
  options: { subject: LimitSubject; limits: NewLimits; actor: string },
): Promise<LimitRecord> {
  const { subject, limits, actor } = options;
  return await database.transact(async (client) => {
    const record = await (subject.scope === "key"
      ? setKeyLimits(client, subject.keyId, limits)
      : setScopeLimits(client, subject, limits));
    await recordChange(client, {
      actor,
      action: "limit.set",
      subject: `${record.scope} ${record.name}`,
      detail: { ...limits },
    });
    return record;
  });
}

async function setKeyLimits(
  client: PoolClient,
  keyId: string,
  limits: NewLimits,
): Promise<LimitRecord> {
  const { rows } = await client.query<LimitRow>(
    `update api_key set
       rpm = case when $2 then $3 else rpm end, tpm = case when $4 then $5 else tpm end,
       concurrency = case when $6 then $7 else concurrency end, priority = coalesce($8, priority)
     where key_id = $1
     returning 'key' as scope, null as organization, key_id as name, rpm, tpm, concurrency, priority`,
    [keyId, ...changes(limits), limits.priority ?? null],
  );
  if (rows[0] !== undefined) return toRecord(rows[0]);
  throw new Failure(
    "not_found",
    `There is no key with the id '${keyId}'. 'baseload key list' shows the ids.`,
    { param: "key", code: "key_not_found" },
  );
}

async function setScopeLimits(
  client: PoolClient,
  subject: Exclude<LimitSubject, { scope: "key" }>,
  limits: NewLimits,
): Promise<LimitRecord> {
  if (limits.priority !== undefined) {
    throw new Failure("invalid", "Only keys have a priority.", { param: "priority" });
  }
  const { id, name, organization } = await lockSubject(client, subject);
  const before = await client.query<CallLimits>(
    "delete from call_limit where scope = $1 and subject_id = $2 returning rpm, tpm, concurrency",
    [subject.scope, id],
  );
  const { rpm = null, tpm = null, concurrency = null } = before.rows[0] ?? {};
  const after: CallLimits = {
    rpm: limits.rpm === undefined ? rpm : limits.rpm,
    tpm: limits.tpm === undefined ? tpm : limits.tpm,
    concurrency: limits.concurrency === undefined ? concurrency : limits.concurrency,
  };
  if (isLimited(after)) {
    await client.query(
      "insert into call_limit (scope, subject_id, rpm, tpm, concurrency) values ($1, $2, $3, $4, $5)",
      [subject.scope, id, after.rpm, after.tpm, after.concurrency],
    );
  }
  return { scope: subject.scope, organization, name, ...after, priority: null };
}

/** Whether each is to change, and to what. */
const changes = ({ rpm, tpm, concurrency }: NewLimits): unknown[] =>
  [rpm, tpm, concurrency].flatMap((value) => [value !== undefined, value ?? null]);

type Subject = { id: bigint; name: string; organization: string | null };

/** Locked, so that of two changes at once neither is lost. */
const subjectQueries: Readonly<Record<"organization" | "project" | "model", string>> = {
  organization:
    "select organization_id as id, name, null as organization from organization where name = $1 for update",
  project: `select project_id as id, project.name, organization.name as organization
    from project join organization using (organization_id)
    where organization.name = $1 and project.name = $2 for update of project`,
  model:
    "select model_id as id, name, null as organization from model where name = $1 and removed_at is null for update",
};

async function lockSubject(
  client: PoolClient,
  subject: Exclude<LimitSubject, { scope: "key" }>,
): Promise<Subject> {
  const names =
    subject.scope === "project"
      ? [subject.organization, subject.project]
      : [subject.scope === "model" ? subject.model : subject.organization];
  const { rows } = await client.query<Subject>(subjectQueries[subject.scope], names);
  if (rows[0] !== undefined) return rows[0];
  throw new Failure("not_found", `There is no ${subject.scope} '${names.join("/")}'.`, {
    param: subject.scope,
    code: `${subject.scope}_not_found`,
  });
}

/** Those of models by the model's id, for the memory of a gateway. */
export async function readModelLimits(database: Database): Promise<Map<bigint, CallLimit>> {
  const { rows } = await database.pool.query<CallLimits & { model_id: bigint; name: string }>(
    `select model_id, name, rpm, tpm, concurrency
     from call_limit join model on scope = 'model' and subject_id = model_id and removed_at is null`,
  );
  return new Map(
    rows.map(({ model_id, name, rpm, tpm, concurrency }) => [
      model_id,
      {
        ...{ rpm, tpm, concurrency },
        counter: `model:${model_id}`,
        subject: `the model '${name}'`,
      },
    ]),
  );
}

const toRecord = (row: LimitRow): LimitRecord => ({
  scope: row.scope,
  organization: row.organization,
  name: row.name,
  rpm: row.rpm,
  tpm: row.tpm,
  concurrency: row.concurrency,
  priority: row.priority,
});
