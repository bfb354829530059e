/** `ledger check` is silent about sound books, and every one of its checks finds what it is for. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ledgerChecks } from "../../src/domains/ledger/check-store.ts";
import {
  checkLedger,
  expireCredits,
  grant,
  openWallet,
  postRemainders,
} from "../../src/domains/ledger/index.ts";
import { type Nanos, nanos, picos } from "../../src/lib/money.ts";
import { openPostgresBench, type PostgresBench } from "../support/ledger-bench.ts";
import { gatewayIdOf, requestIdOf, usageEvent } from "../support/usage-events.ts";

const EXPIRY = new Date("2030-01-01T00:00:00Z");
const LATER = new Date("2030-01-02T00:00:00Z");

let bench: PostgresBench;
let organization: bigint;

/** Books with everything in them: leases in each state, two scopes, remainders, expired credit. */
beforeEach(async () => {
  bench = await openPostgresBench();
  const { database, store } = bench;
  const key = await database.transact(async (client) => {
    organization = await openWallet(client, "organization");
    const name = "insert into organization (name, wallet_id) values ('Acme', $1)";
    await client.query(name, [organization]);
    await grant(client, { walletId: organization, amount: nanos(900n), expiresAt: EXPIRY });
    await grant(client, { walletId: organization, amount: nanos(10_000n) });
    const budget = await openWallet(client, "key");
    await grant(client, { walletId: budget, amount: nanos(1_000n) });
    return budget;
  });
  for (const number of [1, 2]) await store.registerGateway(gatewayIdOf(number));
  const take = (walletId: bigint, amount: Nanos, gateway = 1, expiresAt = LATER) =>
    store.takeLease({
      ...{ gatewayId: gatewayIdOf(gateway), walletId, leaseId: undefined, gateways: 2, expiresAt },
      ...{ need: amount, demand: amount, want: nanos(0n) },
    });
  const open = await take(organization, nanos(500n));
  const budget = await take(key, nanos(300n));
  const expired = await take(organization, nanos(200n), 1, EXPIRY);
  const recovered = await take(organization, nanos(100n), 2);
  await store.post({
    gatewayId: gatewayIdOf(1),
    events: [
      usageEvent(1, { leaseIds: [open.leaseId, budget.leaseId], costPicos: picos(40_600n) }),
      usageEvent(2, { leaseIds: [expired.leaseId], costPicos: picos(30_700n) }),
      usageEvent(3, { leaseIds: [open.leaseId], outcome: "failed", source: "none" }),
    ],
    closedLeaseIds: [],
    ackedSequence: 3n,
  });
  await store.quarantineExpired(new Date(EXPIRY.getTime() + 1));
  await store.post({
    gatewayId: gatewayIdOf(2),
    events: [usageEvent(4, { leaseIds: [recovered.leaseId], costPicos: picos(25_000n) })],
    ...{ closedLeaseIds: [], ackedSequence: 1n },
  });
  await store.recoverGateway(gatewayIdOf(2));
  await store.recoverGateway(gatewayIdOf(2));
  await expireCredits(database, LATER);
  await postRemainders(database);
});
afterEach(() => bench[Symbol.asyncDispose]());

test("sound books have no problems", async () => {
  const report = await checkLedger(bench.database);

  expect(report).toEqual({ ok: true, transfers: 13n, entries: 28n, problems: [] });
});

/** SQL that plants the fault, with constraints and triggers out of the way, and what the report says of it. */
const plants: Record<keyof typeof ledgerChecks, [sql: string, says: RegExp]> = {
  transfersSumToZero: [
    "update entry set amount_nanos = amount_nanos + 1 where ctid = (select min(ctid) from entry)",
    /^Transfer [\w-]+ sums to 1 nano-dollars, not to zero\.$/,
  ],
  transfersHaveEntries: [
    "insert into transfer (transfer_id, kind) values (gen_random_uuid(), 'lease')",
    /has no entries/,
  ],
  entriesHaveTransfers: [
    "delete from transfer where kind = 'lease'",
    /^Entries of [\w-]+ belong to no transfer/,
  ],
  balancesEqualEntries: [
    // Both sides, so that the balance looks right: a lost update that was repaired by hand.
    "update account set credits_nanos = credits_nanos + 5, debits_nanos = debits_nanos + 5 where account_id = 9",
    /^Account 9 \(available of wallet 1\) holds credits \d+ and debits \d+, but its entries sum to/,
  ],
  accountsAreNotOverdrawn: [
    "update account set debits_nanos = credits_nanos + 7 where account_id = 9",
    /^Account 9 \(available\) of wallet 1 is overdrawn by 7 nano-dollars/,
  ],
  walletsAreConserved: [
    "update account set credits_nanos = credits_nanos + 3 where account_id = 12",
    /^The accounts of wallet 1 sum to 3 nano-dollars, not to zero/,
  ],
  creditsEqualGranted: [
    "delete from credit where amount_nanos = 10000",
    /^Wallet 1 was granted 10900 nano-dollars, but its credits sum to 900/,
  ],
  leasesHoldWhatAccountsSay: [
    "update lease set granted_nanos = granted_nanos + 1 where state = 'quarantined'",
    /^Account 11 \(quarantined\) of wallet 1 holds 170 nano-dollars, but its leases have 171 left/,
  ],
  closedLeasesAreEmpty: [
    "update lease set returned_nanos = returned_nanos - 1 where state = 'closed'",
    /^Lease \d+ is closed with 1 nano-dollars left/,
  ],
  leasesAreChargedByEvents: [
    "update lease set charged_nanos = charged_nanos - 2 where charged_nanos = 30",
    /^Lease \d+ was charged 28 nano-dollars, but its usage events sum to 30/,
  ],
  eventsAreBookedOnce: [
    "update entry set amount_nanos = 80 where amount_nanos = 40 and account_id = 12",
    /^Usage event [\w-]+ charged 40 nano-dollars to 2 wallets, but its transfer has spent entries of 120/,
  ],
  chargesHaveEvents: [
    `delete from usage_event where event_id = '${requestIdOf(2)}'`,
    new RegExp(`^Charge ${requestIdOf(2)} has no usage event`),
  ],
  exactCostIsSpent: [
    "update account set remainder_picos = remainder_picos + 1 where account_id = 12",
    /^Wallet 1 has spent 96301 pico-dollars by its account, but its usage events cost 96300/,
  ],
  eventsCostTheirPrice: [
    `update usage_event set cost_picos = cost_picos + 1, uncovered_picos = 1 where event_id = '${requestIdOf(2)}'`,
    /cost 30701 pico-dollars, but quantities times price version 1 is 30700/,
  ],
  requestsCompleteOnce: [
    `update usage_event set request_id = '${requestIdOf(1)}' where event_id = '${requestIdOf(2)}'`,
    new RegExp(`^Request ${requestIdOf(1)} was completed 2 times`),
  ],
  expiredCreditsHaveLeft: [
    "update credit set expired_nanos = expired_nanos - 1 where expired_nanos > 0",
    /^Wallet 1 has let \d+ nano-dollars expire, but its credits say \d+/,
  ],
  creditsAreConsumedBySpending: [
    "update credit set consumed_nanos = 96 where consumed_nanos = 95",
    /^The credits of wallet 1 are consumed by 96 nano-dollars, but only 95 were spent/,
  ],
  recoveredGatewaysHoldNothing: [
    "update lease set gateway_id = (select gateway_id from gateway_process where state = 'recovered')",
    /is recovered, but its lease \d+ is open/,
  ],
  organizationsPayForThemselves: [
    "update organization set wallet_id = 2",
    /of organization 1 was paid by wallet 1, not by the organization's wallet 2/,
  ],
};

describe("a planted fault is found:", () => {
  for (const [name, [sql, says]] of Object.entries(plants)) {
    test(name, async () => {
      await plant(sql);

      const report = await checkLedger(bench.database);

      expect(report.ok).toBe(false);
      expect(report.problems.filter((problem) => says.test(problem)).length).toBeGreaterThan(0);
    });
  }

  test("a price version that does not exist", async () => {
    await plant(
      `update usage_event set price_version_id = 77 where event_id = '${requestIdOf(2)}'`,
    );

    expect((await checkLedger(bench.database)).problems).toEqual([
      `Usage event ${requestIdOf(2)} cost 30700 pico-dollars, but quantities times price version 77 is unknown: there is no such price.`,
    ]);
  });

  test("an event that was charged to the wrong wallet", async () => {
    await plant(`update entry set account_id = account_id + 8
      where transfer_id = '${requestIdOf(2)}'`);

    const { problems } = await checkLedger(bench.database);

    expect(problems.length).toBeGreaterThanOrEqual(4);
  });
});

async function plant(sql: string): Promise<void> {
  await bench.database.transact(async (client) => {
    const { rows } = await client.query<{ name: string; table: string }>(
      `select conname as name, conrelid::regclass::text as "table" from pg_constraint
       where contype = 'c' and conrelid::regclass::text in ('account', 'lease', 'credit', 'usage_event')`,
    );
    for (const { name, table } of rows)
      await client.query(`alter table ${table} drop constraint ${name}`);
    await client.query("set local session_replication_role = replica");
    const { rowCount } = await client.query(sql);
    expect(rowCount).toBeGreaterThan(0);
  });
}
