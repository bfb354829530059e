/**
 * Many connections on the same wallets of a real PostgreSQL: lease takers, posters that overlap, renewals,
 * expiry and recovery at once. Nothing may deadlock, no wallet may go below zero, and nothing may get lost.
 */
import { expect, test } from "bun:test";
import {
  checkLedger,
  expireCredits,
  grant,
  type LedgerStore,
  ledgerStore,
  openWallet,
  postRemainders,
  readWallet,
} from "../../src/domains/ledger/index.ts";
import type { UsageEvent } from "../../src/domains/metering/index.ts";
import { nanos, picos, splitCharge, ZERO_PICOS } from "../../src/lib/money.ts";
import { type Database, openDatabase } from "../../src/platform/db/database.ts";
import { openPostgresBench } from "../support/ledger-bench.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { gatewayIdOf, usageEvent } from "../support/usage-events.ts";

const GATEWAYS = 4;
const CALLS_PER_GATEWAY = 150;
const LONG_PAST = new Date("2001-01-01T00:00:00Z");
const NEAR = new Date("2020-01-01T00:00:00Z");
const FAR = new Date("2090-01-01T00:00:00Z");

type Lease = { leaseId: bigint; free: bigint };
type JournalItem = { event: UsageEvent } | { closed: bigint };

/** A gateway process as the ledger sees it: leases, and a journal that is posted in order. */
class Process {
  readonly number: number;
  readonly store: LedgerStore;
  readonly random: SeededRandom;
  readonly journal: JournalItem[] = [];
  readonly #carried = new Map<bigint, bigint>();
  readonly #leases = new Map<bigint, Lease>();
  refused = 0;

  constructor(number: number, store: LedgerStore, random: SeededRandom) {
    this.number = number;
    this.store = store;
    this.random = random;
  }

  id(): string {
    return gatewayIdOf(this.number);
  }

  async call(wallets: readonly bigint[], number: number): Promise<void> {
    const cost = BigInt(this.random.between(1, 90_000));
    const paying: Lease[] = [];
    for (const walletId of wallets) {
      const lease = await this.#leaseFor(walletId, cost / 1000n + 1n);
      if (lease === undefined) {
        this.refused += 1;
        return;
      }
      paying.push(lease);
    }
    if (paying.some((lease) => lease.free < cost / 1000n + 1n)) return;
    const payer = wallets[0] ?? 0n;
    const carried = this.#carried.get(payer) ?? 0n;
    const split = splitCharge(picos(cost), carried === 0n ? ZERO_PICOS : picos(carried));
    this.#carried.set(payer, split.carried);
    for (const lease of paying) lease.free -= split.charge;
    const leaseIds = paying.map((lease) => lease.leaseId);
    this.journal.push({
      event: usageEvent(this.number * 1_000_000 + number, {
        ...{ leaseIds, costPicos: picos(cost), chargeNanos: split.charge },
      }),
    });
    if (this.random.chance(0.1)) this.retire(this.random.pick(wallets));
  }

  retire(walletId: bigint): void {
    const lease = this.#leases.get(walletId);
    if (lease === undefined) return;
    this.#leases.delete(walletId);
    this.journal.push({ closed: lease.leaseId });
  }

  async #leaseFor(walletId: bigint, need: bigint): Promise<Lease | undefined> {
    const known = this.#leases.get(walletId);
    if (known !== undefined && known.free >= need) return known;
    const answer = await this.store.takeLease({
      ...{ gatewayId: this.id(), walletId, leaseId: known?.leaseId, gateways: GATEWAYS },
      ...{ need: nanos(need), demand: nanos(need), want: nanos(need * 4n) },
      expiresAt: this.random.chance(0.3) ? LONG_PAST : FAR,
    });
    if (answer.granted === 0n) return undefined;
    if (known !== undefined && known.leaseId === answer.leaseId) {
      known.free += answer.granted;
      return known;
    }
    if (known !== undefined) this.journal.push({ closed: known.leaseId });
    const lease = { leaseId: answer.leaseId, free: answer.granted as bigint };
    this.#leases.set(walletId, lease);
    return lease;
  }

  /** As a worker does: from what is acknowledged on, in order. Two of these overlap on purpose. */
  async postSome(): Promise<boolean> {
    const acked = Number(await this.store.ackedSequence(this.id()));
    const items = this.journal.slice(acked, acked + this.random.between(1, 20));
    await this.store.post({
      gatewayId: this.id(),
      events: items.flatMap((item) => ("event" in item ? [item.event] : [])),
      closedLeaseIds: items.flatMap((item) => ("closed" in item ? [item.closed] : [])),
      ackedSequence: BigInt(acked + items.length),
    });
    return items.length > 0;
  }
}

async function openWallets(database: Database) {
  return await database.transact(async (client) => {
    const [rich, poor, budget] = [
      await openWallet(client, "organization"),
      await openWallet(client, "organization"),
      await openWallet(client, "key"),
    ];
    await grant(client, { walletId: rich, amount: nanos(50_000_000n) });
    await grant(client, { walletId: rich, amount: nanos(10_000n), expiresAt: NEAR });
    await grant(client, { walletId: poor, amount: nanos(3_000n) });
    await grant(client, { walletId: budget, amount: nanos(9_000n) });
    return { rich, poor, budget };
  });
}

test("16 parallel posters and lease takers, with renewal, expiry, recall and recovery beside them", async () => {
  const seed = drawSeed();
  const random = new SeededRandom(seed);
  await using bench = await openPostgresBench();
  const database = openDatabase({
    ...{ url: bench.url, poolSize: 24, applicationName: "concurrency" },
  });
  const store = ledgerStore(database);
  const { rich, poor, budget } = await openWallets(database);
  const choices = [[rich], [poor], [rich, budget], [poor, budget]];
  const processes = Array.from(
    { length: GATEWAYS },
    (_, i) => new Process(i + 1, store, new SeededRandom(random.between(0, 1e9))),
  );
  for (const gateway of processes) await store.registerGateway(gateway.id());
  const work = { left: GATEWAYS };
  const isBusy = () => work.left > 0;

  const takers = processes.map(async (gateway) => {
    for (let number = 1; number <= CALLS_PER_GATEWAY; number++) {
      await gateway.call(gateway.random.pick(choices), number);
    }
  });
  const working = takers.map((taker) => taker.finally(() => (work.left -= 1)));
  const posters = processes.flatMap((gateway) =>
    [1, 2].map(async () => {
      while ((await gateway.postSome()) || isBusy()) await Bun.sleep(gateway.random.between(0, 3));
    }),
  );
  const keepers = [
    async () => store.quarantineExpired(NEAR),
    async () =>
      store.renewLeases(random.pick(processes).id(), random.chance(0.5) ? LONG_PAST : FAR),
    async () => postRemainders(database),
    async () => expireCredits(database, FAR),
    async () => assertNeverNegative(database, [rich, poor, budget]),
  ].map(async (keep) => {
    while (isBusy()) {
      await keep();
      await Bun.sleep(random.between(0, 8));
    }
  });

  const outcomes = await Promise.allSettled([...working, ...posters, ...keepers]);
  const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect({ seed, failures }).toEqual({ seed, failures: [] });

  const report = await checkLedger(database);
  expect({ seed, problems: report.problems }).toEqual({ seed, problems: [] });
  await Promise.all(processes.map((gateway) => store.recoverGateway(gateway.id())));
  await postRemainders(database);
  const events = processes.flatMap(({ journal }) => journal.filter((item) => "event" in item));
  expect(await bench.countEvents()).toBe(events.length);
  expect(events.length).toBeGreaterThan(CALLS_PER_GATEWAY);
  expect((await checkLedger(database)).problems).toEqual([]);
  for (const walletId of [rich, poor, budget]) {
    const end = await readWallet(database, walletId);
    expect(end.leasedNanos + end.quarantinedNanos).toBe(0n);
    expect(end.availableNanos + end.spentNanos + end.expiredNanos).toBe(end.grantedNanos);
  }
  await database.close();
}, 60_000);

async function assertNeverNegative(database: Database, walletIds: readonly bigint[]) {
  for (const walletId of walletIds) {
    const { availableNanos, leasedNanos, quarantinedNanos, spentNanos } = await readWallet(
      database,
      walletId,
    );
    for (const balance of [availableNanos, leasedNanos, quarantinedNanos, spentNanos]) {
      expect(balance).toBeGreaterThanOrEqual(0n);
    }
  }
}
