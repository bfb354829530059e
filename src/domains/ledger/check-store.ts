/**
 * Derives every balance and invariant of the ledger again, from the smallest facts upward, in one consistent
 * snapshot. Each check finds the first rows that break it and says them as a sentence.
 */
import type { PoolClient } from "pg";
import {
  inputTokenNames,
  plainQuantityOf,
  type QuantityName,
  quantityNames,
} from "../../lib/quantities.ts";
import type { Database } from "../../platform/db/database.ts";

export type LedgerReport = {
  ok: boolean;
  transfers: bigint;
  entries: bigint;
  problems: string[];
};

/** Rows shown per check: the first difference matters, a flood does not help. */
const PROBLEMS_PER_CHECK = 5;

/** Checking reads everything; it may run long, but not for ever. */
const CHECK_TIMEOUT_MS = 600_000;

/** Its own price, or that of the plainer quantity it is a case of. */
const pricesOf = (name: QuantityName): string[] => {
  const plainer = plainQuantityOf[name];
  return [`(p.picos ->> '${name}')::numeric`, ...(plainer === undefined ? [] : pricesOf(plainer))];
};

const recomputedCost = quantityNames
  .map((name) => `e.${name} * coalesce(${pricesOf(name).join(", ")}, 0)`)
  .join(" + ");

/** By which the context tier of a price is chosen. */
const inputTokens = `(${inputTokenNames.map((name) => `e.${name}`).join(" + ")})`;

/** Each query answers the sentences of its problems, in a column `problem`. Each is shown to find what it is for. */
export const ledgerChecks = {
  transfersSumToZero: `select 'Transfer ' || transfer_id || ' sums to ' || sum(amount_nanos) || ' nano-dollars, not to zero.' as problem
   from entry group by transfer_id having sum(amount_nanos) <> 0`,

  transfersHaveEntries: `select 'Transfer ' || transfer_id || ' has no entries.' as problem
   from transfer t where not exists (select from entry e where e.transfer_id = t.transfer_id)`,

  entriesHaveTransfers: `select 'Entries of ' || transfer_id || ' belong to no transfer.' as problem
   from (select distinct transfer_id from entry) e
   where not exists (select from transfer t where t.transfer_id = e.transfer_id)`,

  balancesEqualEntries: `select 'Account ' || account_id || ' (' || coalesce(a.kind, 'unknown') || ' of wallet ' || coalesce(a.wallet_id::text, '?')
     || ') holds credits ' || coalesce(a.credits_nanos, 0) || ' and debits ' || coalesce(a.debits_nanos, 0)
     || ', but its entries sum to credits ' || coalesce(e.credits, 0) || ' and debits ' || coalesce(e.debits, 0) || '.' as problem
   from account a
   full join (
     select account_id, sum(greatest(amount_nanos, 0)) as credits, sum(greatest(-amount_nanos, 0)) as debits
     from entry group by account_id
   ) e using (account_id)
   where coalesce(a.credits_nanos, 0) <> coalesce(e.credits, 0) or coalesce(a.debits_nanos, 0) <> coalesce(e.debits, 0)`,

  accountsAreNotOverdrawn: `select 'Account ' || account_id || ' (' || kind || ') of wallet ' || wallet_id || ' is overdrawn by '
     || (debits_nanos - credits_nanos) || ' nano-dollars.' as problem
   from account where kind <> 'granted' and credits_nanos < debits_nanos`,

  walletsAreConserved: `select 'The accounts of wallet ' || wallet_id || ' sum to ' || sum(credits_nanos - debits_nanos)
     || ' nano-dollars, not to zero: available + leased + quarantined + spent + expired must equal granted.' as problem
   from account group by wallet_id having sum(credits_nanos - debits_nanos) <> 0`,

  creditsEqualGranted: `select 'Wallet ' || a.wallet_id || ' was granted ' || -(a.credits_nanos - a.debits_nanos) || ' nano-dollars, but its credits sum to '
     || coalesce(c.amount, 0) || '.' as problem
   from account a left join (select wallet_id, sum(amount_nanos) as amount from credit group by wallet_id) c using (wallet_id)
   where a.kind = 'granted' and -(a.credits_nanos - a.debits_nanos) <> coalesce(c.amount, 0)`,

  leasesHoldWhatAccountsSay: `select 'Account ' || a.account_id || ' (' || a.kind || ') of wallet ' || a.wallet_id || ' holds '
     || (a.credits_nanos - a.debits_nanos) || ' nano-dollars, but its leases have ' || coalesce(l.rest, 0) || ' left.' as problem
   from account a
   left join (
     select wallet_id, case state when 'open' then 'leased' else 'quarantined' end as kind,
       sum(granted_nanos - returned_nanos - charged_nanos) as rest
     from lease where state <> 'closed' group by 1, 2
   ) l on l.wallet_id = a.wallet_id and l.kind = a.kind
   where a.kind in ('leased', 'quarantined') and a.credits_nanos - a.debits_nanos <> coalesce(l.rest, 0)`,

  closedLeasesAreEmpty: `select 'Lease ' || lease_id || ' is closed with ' || (granted_nanos - returned_nanos - charged_nanos) || ' nano-dollars left.' as problem
   from lease where state = 'closed' and granted_nanos <> returned_nanos + charged_nanos`,

  leasesAreChargedByEvents: `select 'Lease ' || coalesce(l.lease_id, e.lease_id) || ' was charged ' || coalesce(l.charged_nanos, 0)
     || ' nano-dollars, but its usage events sum to ' || coalesce(e.charged, 0) || '.' as problem
   from lease l
   full join (
     select unnest(lease_ids) as lease_id, sum(charge_nanos) as charged from usage_event group by 1
   ) e on e.lease_id = l.lease_id
   where coalesce(l.charged_nanos, 0) <> coalesce(e.charged, 0)`,

  eventsAreBookedOnce: `select 'Usage event ' || e.event_id || ' charged ' || e.charge_nanos || ' nano-dollars to ' || cardinality(e.lease_ids)
     || ' wallets, but its transfer has spent entries of ' || coalesce(s.amount, 0) || ' in all.' as problem
   from usage_event e
   left join (
     select transfer_id, sum(amount_nanos) as amount from entry where account_id % 8 = 4 group by transfer_id
   ) s on s.transfer_id = e.event_id
   where e.charge_nanos * cardinality(e.lease_ids) <> coalesce(s.amount, 0)`,

  chargesHaveEvents: `select 'Charge ' || t.transfer_id || ' has no usage event.' as problem
   from transfer t where t.kind = 'charge' and not exists (select from usage_event e where e.event_id = t.transfer_id)`,

  // Exact cost = 1000 × nano-dollars posted + remainder, on the wallet that pays with money.
  exactCostIsSpent: `select 'Wallet ' || coalesce(a.wallet_id, e.wallet_id) || ' has spent ' || coalesce(a.exact, 0)
     || ' pico-dollars by its account, but its usage events cost ' || coalesce(e.exact, 0) || '.' as problem
   from (
     select a.wallet_id, 1000::numeric * (a.credits_nanos - a.debits_nanos) + a.remainder_picos as exact
     from account a join wallet w using (wallet_id) where a.kind = 'spent' and w.scope = 'organization'
   ) a
   full join (
     select l.wallet_id, sum(u.cost_picos - u.uncovered_picos) as exact
     from usage_event u join lease l on l.lease_id = u.lease_ids[1] group by l.wallet_id
   ) e on e.wallet_id = a.wallet_id
   where coalesce(a.exact, 0) <> coalesce(e.exact, 0)`,

  eventsCostTheirPrice: `select 'Usage event ' || e.event_id || ' cost ' || e.cost_picos || ' pico-dollars, but quantities times price version '
     || e.price_version_id || case e.service_tier when 'standard' then '' else ' (' || e.service_tier || ')' end || ' is ' || case when p.price_version_id is null then 'unknown: there is no such price' else (${recomputedCost})::text end
     || '.' as problem
   from usage_event e
   left join (
     select price_version_id, service_tier, above_input_tokens as above, jsonb_object_agg(quantity, picos_per_unit) as picos,
       lead(above_input_tokens) over (partition by price_version_id, service_tier order by above_input_tokens) as next_above
     from price_component group by price_version_id, service_tier, above_input_tokens
   ) p on p.price_version_id = e.price_version_id and p.service_tier = e.service_tier
     and (p.above = 0 or ${inputTokens} > p.above) and (p.next_above is null or ${inputTokens} <= p.next_above)
   where p.price_version_id is null or e.cost_picos <> ${recomputedCost}`,

  requestsCompleteOnce: `select 'Request ' || request_id || ' was completed ' || count(*) || ' times.' as problem
   from usage_event where outcome = 'completed' group by request_id having count(*) > 1`,
  expiredCreditsHaveLeft: `select 'Wallet ' || a.wallet_id || ' has let ' || (a.credits_nanos - a.debits_nanos)
     || ' nano-dollars expire, but its credits say ' || coalesce(c.expired, 0) || '.' as problem
   from account a left join (select wallet_id, sum(expired_nanos) as expired from credit group by wallet_id) c using (wallet_id)
   where a.kind = 'expired' and a.credits_nanos - a.debits_nanos <> coalesce(c.expired, 0)`,

  creditsAreConsumedBySpending: `select 'The credits of wallet ' || a.wallet_id || ' are consumed by ' || c.consumed
     || ' nano-dollars, but only ' || (a.credits_nanos - a.debits_nanos) || ' were spent.' as problem
   from account a join (select wallet_id, sum(consumed_nanos) as consumed from credit group by wallet_id) c using (wallet_id)
   where a.kind = 'spent' and a.credits_nanos - a.debits_nanos < c.consumed`,

  recoveredGatewaysHoldNothing: `select 'Gateway process ' || gateway_id || ' is recovered, but its lease ' || lease_id || ' is '
     || lease.state || '.' as problem
   from lease join gateway_process g using (gateway_id) where g.state = 'recovered' and lease.state <> 'closed'`,

  organizationsPayForThemselves: `select 'Usage event ' || e.event_id || ' of organization ' || e.organization_id
     || ' was paid by wallet ' || l.wallet_id || ', not by the organization''s wallet ' || o.wallet_id || '.' as problem
   from usage_event e
   join organization o using (organization_id)
   join lease l on l.lease_id = e.lease_ids[1]
   where l.wallet_id <> o.wallet_id`,
} as const satisfies Record<string, string>;

export async function checkLedger(database: Database): Promise<LedgerReport> {
  return await database.transact(async (client) => {
    await client.query("set transaction isolation level repeatable read, read only");
    await client.query(`set local statement_timeout = ${CHECK_TIMEOUT_MS}`);
    const problems: string[] = [];
    for (const check of Object.values(ledgerChecks)) {
      const { rows } = await client.query<{ problem: string }>(
        `${check} limit ${PROBLEMS_PER_CHECK}`,
      );
      problems.push(...rows.map((row) => row.problem));
    }
    const [transfers, entries] = [await count(client, "transfer"), await count(client, "entry")];
    return { ok: problems.length === 0, transfers, entries, problems };
  });
}

async function count(client: PoolClient, table: "transfer" | "entry"): Promise<bigint> {
  const { rows } = await client.query<{ count: bigint }>(`select count(*) from ${table}`);
  return rows[0]?.count ?? 0n;
}
