/**
 * The hottest statement of the ledger: one batch of usage events, their transfers, entries, lease sums and
 * account balances, all or nothing.
 *
 * Why it may run twice: only events that `on conflict do nothing` really inserted go on to the rest.
 * Locks: the leases of the batch by id, then the accounts by id, as everywhere. The caller has locked the leases
 * in a statement before this one, because PostgreSQL may run the parts of one statement in any order.
 * Why balances are added to, never set: under READ COMMITTED the update sees the newest committed row.
 */
import { quantityNames } from "../../lib/quantities.ts";
import { type UsageEvent, usageEventId } from "../metering/index.ts";

/** Scopes that can limit a call: organization, project, key. */
export const SCOPES_MAX = 3;

const columns: readonly [name: string, type: string, read: (event: UsageEvent) => unknown][] = [
  ["event_id", "uuid", usageEventId],
  ["request_id", "uuid", (e) => e.requestId],
  ["attempt", "smallint", (e) => e.attempt],
  ["organization_id", "bigint", (e) => e.organizationId],
  ["project_id", "bigint", (e) => e.projectId],
  ["key_id", "text", (e) => e.keyId],
  ["model_id", "bigint", (e) => e.modelId],
  ["deployment_id", "bigint", (e) => e.deploymentId],
  ["price_version_id", "bigint", (e) => e.priceVersionId],
  ["service_tier", "text", (e) => e.serviceTier],
  ["started_at", "timestamptz", (e) => new Date(e.startedAtMs).toISOString()],
  ["ended_at", "timestamptz", (e) => new Date(e.endedAtMs).toISOString()],
  ["outcome", "text", (e) => e.outcome],
  ["usage_source", "text", (e) => e.source],
  ...quantityNames.map((name): (typeof columns)[number] => [
    name,
    "bigint",
    (e) => e.quantities[name] ?? 0,
  ]),
  ["cost_picos", "numeric", (e) => e.costPicos],
  ["charge_nanos", "bigint", (e) => e.chargeNanos],
  ["uncovered_picos", "numeric", (e) => e.uncoveredPicos],
  ["raw_usage", "jsonb", (e) => (e.raw == null ? null : toJsonb(e.raw))],
];

/**
 * PostgreSQL's jsonb refuses two things that JSON allows: the character U+0000 and lone surrogates. One such
 * provider's usage object must not keep a whole batch from being posted, for ever.
 */
function toJsonb(raw: unknown): string {
  return JSON.stringify(raw, (_key, value: unknown) => {
    if (typeof value === "string") return toStorable(value);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [toStorable(key), item]));
  });
}

const toStorable = (text: string): string => text.toWellFormed().replaceAll("\0", "\u{fffd}");

const leaseColumns = Array.from({ length: SCOPES_MAX }, (_, scope) => `lease_${scope}`);
const inputColumns = [...columns.map(([name]) => name), ...leaseColumns].join(", ");
const inputArrays = [
  ...columns.map(([, type], i) => `$${i + 2}::${type}[]`),
  ...leaseColumns.map((_, i) => `$${columns.length + i + 2}::bigint[]`),
].join(", ");
const eventColumns = columns.map(([name]) => name).join(", ");

export const postStatement = `
with input as materialized (
  select * from unnest(${inputArrays}) as t (${inputColumns})
),
locked_lease as materialized (
  select lease_id, wallet_id, state from lease
  where lease_id = any ($1::bigint[]) order by lease_id for update
),
fresh as (
  insert into usage_event (${eventColumns}, lease_ids)
  select ${eventColumns}, array_remove(array[${leaseColumns.join(", ")}], null) from input
  on conflict (event_id) do nothing
  returning event_id, lease_ids, charge_nanos, cost_picos - uncovered_picos as covered_picos
),
charge as materialized (
  select f.event_id, l.lease_id, l.wallet_id, f.charge_nanos,
    case l.state when 'quarantined' then 3 else 2 end as source_kind,
    case paying.scope when 1 then f.covered_picos - 1000 * f.charge_nanos else 0 end as remainder_picos
  from fresh f
  cross join lateral unnest(f.lease_ids) with ordinality as paying (lease_id, scope)
  join locked_lease l on l.lease_id = paying.lease_id
),
new_transfer as (
  insert into transfer (transfer_id, kind)
  select event_id, 'charge' from fresh where charge_nanos > 0
),
new_entry as (
  insert into entry (transfer_id, account_id, amount_nanos)
  select event_id, wallet_id * 8 + source_kind, -charge_nanos from charge where charge_nanos > 0
  union all
  select event_id, wallet_id * 8 + 4, charge_nanos from charge where charge_nanos > 0
),
updated_lease as (
  update lease set charged_nanos = lease.charged_nanos + s.amount
  from (select lease_id, sum(charge_nanos) as amount from charge group by lease_id) s
  where lease.lease_id = s.lease_id
),
delta as materialized (
  select account_id, sum(debit)::bigint as debit, sum(credit)::bigint as credit,
    sum(remainder)::bigint as remainder
  from (
    select wallet_id * 8 + source_kind as account_id, charge_nanos as debit, 0 as credit, 0 as remainder
    from charge
    union all
    select wallet_id * 8 + 4, 0, charge_nanos, remainder_picos from charge
  ) one
  group by account_id
),
locked_account as materialized (
  select account_id from account
  where account_id in (select account_id from delta) order by account_id for update
),
updated_account as (
  update account set
    debits_nanos = account.debits_nanos + delta.debit,
    credits_nanos = account.credits_nanos + delta.credit,
    remainder_picos = account.remainder_picos + delta.remainder
  from delta join locked_account using (account_id)
  where account.account_id = delta.account_id
)
select
  (select count(*) from fresh) as fresh,
  (select count(*) from locked_lease) as leases`;

/** Parameters of `postStatement`. */
export function postParameters(events: readonly UsageEvent[]): unknown[] {
  const leaseIds = new Set<bigint>();
  for (const event of events) for (const leaseId of event.leaseIds) leaseIds.add(leaseId);
  return [
    [...leaseIds],
    ...columns.map(([, , read]) => events.map(read)),
    ...leaseColumns.map((_, scope) => events.map((event) => event.leaseIds[scope] ?? null)),
  ];
}
