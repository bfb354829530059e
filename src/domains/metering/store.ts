/** Reads of posted usage. The rows are written by the ledger's posting statement, and only there. */
import { type Nanos, nanos, type Picos, picos } from "../../lib/money.ts";
import {
  inputTokenNames,
  outputTokenNames,
  type Quantities,
  type QuantityName,
  quantityNames,
  type UsageSource,
} from "../../lib/quantities.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Outcome } from "./usage-event.ts";

export type UsageFilter = {
  organizationId: bigint;
  from?: Date;
  to?: Date;
  groupBy: "model" | "project" | "key" | "day";
};

export type UsageRow = {
  group: string;
  /** Calls that got an answer or a part of one; attempts that failed for nothing are not counted. */
  calls: bigint;
  inputTokens: bigint;
  cachedInputTokens: bigint;
  outputTokens: bigint;
  /** Everything that is not zero. */
  quantities: Quantities;
  cost: Picos;
};

const groups: Record<UsageFilter["groupBy"], string> = {
  model: "m.name",
  project: "p.name",
  key: "u.key_id",
  day: "to_char(u.started_at at time zone 'UTC', 'YYYY-MM-DD')",
};

export async function readUsage(database: Database, filter: UsageFilter): Promise<UsageRow[]> {
  const { rows } = await database.pool.query<
    QuantityColumns & { group: string; calls: bigint; cost_picos: string }
  >(
    `select ${groups[filter.groupBy]} as "group",
       count(distinct u.request_id) filter (where u.outcome <> 'failed') as calls,
       ${quantityNames.map((name) => `sum(${name})::bigint as ${name}`).join(", ")},
       sum(cost_picos)::text as cost_picos
     from usage_event u
     join model m using (model_id)
     join project p using (project_id)
     where u.organization_id = $1 and u.started_at >= $2 and u.started_at < $3
     group by 1 order by 1`,
    [filter.organizationId, filter.from ?? "-infinity", filter.to ?? "infinity"],
  );
  return rows.map((row) => ({
    group: row.group,
    calls: row.calls,
    inputTokens: sumOf(row, inputTokenNames),
    cachedInputTokens: row.cache_read,
    outputTokens: sumOf(row, outputTokenNames),
    quantities: quantitiesOf(row),
    cost: picos(BigInt(row.cost_picos)),
  }));
}

export type CallReceipt = {
  requestId: string;
  organizationId: bigint;
  organization: string;
  walletId: bigint;
  project: string;
  keyId: string;
  model: string;
  attempts: {
    attempt: number;
    provider: string;
    upstreamModel: string;
    startedAt: Date;
    endedAt: Date;
    outcome: Outcome;
    source: UsageSource;
    quantities: Quantities;
    priceVersionId: bigint;
    serviceTier: ServiceTier;
    cost: Picos;
    charge: Nanos;
    /** Equal to the event's id; there is a transfer only where something was charged. */
    transferId: string;
  }[];
};

/** Everything posted for one request, or undefined while nothing is. */
export async function readCall(
  database: Database,
  requestId: string,
): Promise<CallReceipt | undefined> {
  const { rows } = await database.pool.query<CallRow>(
    `select u.*, o.name as organization, o.wallet_id, p.name as project, m.name as model,
       r.name as provider, d.upstream_model
     from usage_event u
     join organization o using (organization_id)
     join project p using (project_id)
     join model m using (model_id)
     join deployment d using (deployment_id)
     join provider r using (provider_id)
     where u.event_id between $1::uuid and $2::uuid and u.request_id = $1::uuid
     order by u.attempt`,
    [requestId, `${requestId.slice(0, -1)}f`],
  );
  const first = rows[0];
  if (first === undefined) return undefined;
  return {
    requestId,
    organizationId: first.organization_id,
    organization: first.organization,
    walletId: first.wallet_id,
    project: first.project,
    keyId: first.key_id,
    model: first.model,
    attempts: rows.map((row) => ({
      attempt: row.attempt,
      provider: row.provider,
      upstreamModel: row.upstream_model,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      outcome: row.outcome,
      source: row.usage_source,
      quantities: quantitiesOf(row),
      priceVersionId: row.price_version_id,
      serviceTier: row.service_tier,
      cost: picos(BigInt(row.cost_picos)),
      charge: nanos(row.charge_nanos),
      transferId: row.event_id,
    })),
  };
}

type QuantityColumns = Record<QuantityName, bigint>;

type CallRow = QuantityColumns & {
  event_id: string;
  attempt: number;
  organization_id: bigint;
  organization: string;
  wallet_id: bigint;
  project: string;
  key_id: string;
  model: string;
  provider: string;
  upstream_model: string;
  started_at: Date;
  ended_at: Date;
  outcome: Outcome;
  usage_source: UsageSource;
  price_version_id: bigint;
  service_tier: ServiceTier;
  /** `numeric`, which the driver reads as text. */
  cost_picos: string;
  charge_nanos: bigint;
};

const sumOf = (row: QuantityColumns, names: readonly QuantityName[]): bigint =>
  names.reduce((sum, name) => sum + row[name], 0n);

const quantitiesOf = (row: QuantityColumns): Quantities =>
  Object.fromEntries(
    quantityNames.filter((name) => row[name] !== 0n).map((name) => [name, Number(row[name])]),
  );
