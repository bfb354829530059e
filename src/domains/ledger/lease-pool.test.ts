import { describe, expect, test } from "bun:test";
import { MemoryLedgerStore } from "../../../test/support/memory-ledger-store.ts";
import { gatewayIdOf, usageEvent } from "../../../test/support/usage-events.ts";
import { Failure } from "../../lib/errors.ts";
import { nanos, picos } from "../../lib/money.ts";
import { LeasePool, type LeasePoolOptions } from "./lease-pool.ts";
import type { Hold } from "./lease-state.ts";
import type { LedgerStore } from "./ledger-store.ts";

const GATEWAY = gatewayIdOf(1);
const OTHER = gatewayIdOf(2);
const TTL_MS = 10_000;
const MARGIN_MS = 2_000;

/** A pool on a ledger in memory, with a clock in the test's hand. */
function openPool(options: Partial<LeasePoolOptions> = {}) {
  const ledger = new MemoryLedgerStore();
  const clock = { ms: 0 };
  const closed: bigint[] = [];
  const troubles: string[] = [];
  const waits: number[] = [];
  const pool = new LeasePool({
    gatewayId: GATEWAY,
    store: ledger,
    clock: { nowMs: () => 1_900_000_000_000 + clock.ms, monotonicMs: () => clock.ms },
    async wait(ms) {
      waits.push(ms);
      clock.ms += ms;
    },
    closeLease: (leaseId) => closed.push(leaseId),
    onTrouble: (message) => troubles.push(message),
    gateways: 2,
    ttlMs: TTL_MS,
    marginMs: MARGIN_MS,
    maxNanos: nanos(1_000n),
    idleMs: 5_000,
    patienceMs: 0,
    ...options,
  });
  void ledger.registerGateway(GATEWAY);
  void ledger.registerGateway(OTHER);
  return { pool, ledger, clock, closed, troubles, waits, ...walletsOf(ledger) };
}

function walletsOf(ledger: MemoryLedgerStore) {
  const fill = (amount: bigint) => {
    const walletId = ledger.openWallet();
    ledger.grant(walletId, nanos(amount));
    return walletId;
  };
  return { wallet: fill(10_000n), budget: fill(300n) };
}

/** What the worker does with the journal. */
const postClosed = (ledger: MemoryLedgerStore, closedLeaseIds: readonly bigint[]) =>
  ledger.post({ gatewayId: GATEWAY, events: [], closedLeaseIds, ackedSequence: 0n });

async function reserveOrFail(pool: LeasePool, walletIds: bigint[], amount: bigint): Promise<Hold> {
  const reservation = await pool.reserve(walletIds, nanos(amount));
  if (!reservation.isCovered) throw new Error(`only ${reservation.affordable} are affordable`);
  return reservation.hold;
}

describe("holds", () => {
  test("the first asks the database; the next are taken from memory", async () => {
    const { pool, ledger, wallet } = openPool();

    expect(pool.tryReserve([wallet], nanos(100n))).toBeUndefined();
    const first = await reserveOrFail(pool, [wallet], 100n);
    const second = pool.tryReserve([wallet], nanos(100n));

    expect(second).toBeDefined();
    expect(second?.leaseIds).toEqual(first.leaseIds);
    expect(pool.totals()).toEqual({ free: nanos(600n), held: nanos(200n), leases: 1 });
    expect(ledger.balances(wallet).leasedNanos).toBe(nanos(800n));
  });

  test("over several scopes are all or nothing", async () => {
    const { pool, wallet, budget } = openPool();

    const refused = await pool.reserve([wallet, budget], nanos(301n));
    expect(refused).toEqual({ isCovered: false, walletId: budget, affordable: nanos(300n) });
    expect(pool.totals().held).toBe(nanos(0n));

    const hold = await reserveOrFail(pool, [wallet, budget], 300n);
    expect(hold.leaseIds).toHaveLength(2);
    expect(pool.totals().held).toBe(nanos(600n));
    expect(pool.tryReserve([wallet, budget], nanos(1n))).toBeUndefined();
  });

  test("that wait at the same time share one question", async () => {
    const { pool, ledger, wallet } = openPool();

    const holds = await Promise.all(
      Array.from({ length: 50 }, () => reserveOrFail(pool, [wallet], 200n)),
    );

    expect(holds).toHaveLength(50);
    expect(pool.totals()).toEqual({ free: nanos(0n), held: nanos(10_000n), leases: 1 });
    expect(ledger.transfers.filter(({ kind }) => kind === "lease").length).toBeLessThanOrEqual(4);
  });

  test("are refused when the wallet is empty, and say what is affordable", async () => {
    const { pool, waits, wallet } = openPool();
    await reserveOrFail(pool, [wallet], 9_950n);

    const refused = await pool.reserve([wallet], nanos(100n));

    expect(refused).toEqual({ isCovered: false, walletId: wallet, affordable: nanos(50n) });
    // The own hold may end while the call waits, so it waits, but not for ever.
    expect(waits).toEqual([5, 15, 40, 80, 160]);
  });

  test("wait for what calls under way hold, first come first served, as long as patience lasts", async () => {
    const { pool, wallet } = openPool({
      patienceMs: 1_000,
      wait: () => new Promise(() => undefined),
    });
    const first = await reserveOrFail(pool, [wallet], 6_000n);
    const second = await reserveOrFail(pool, [wallet], 4_000n);
    const order: string[] = [];
    const waitFor = async (name: string, amount: bigint) => {
      const hold = await reserveOrFail(pool, [wallet], amount);
      order.push(name);
      return hold;
    };
    const waiting = [waitFor("a", 3_000n), waitFor("b", 2_500n), waitFor("c", 3_000n)];
    await settleMicrotasks();
    expect(order).toEqual([]);

    pool.settle(first, nanos(500n));
    await settleMicrotasks();
    expect(order).toEqual(["a", "b"]);

    pool.settle(second, nanos(0n));
    await Promise.all(waiting);
    expect(order).toEqual(["a", "b", "c"]);
  });

  test("are refused at once when nothing can come back", async () => {
    const { pool, waits, ledger } = openPool();
    const empty = ledger.openWallet();

    expect(await pool.reserve([empty], nanos(1n))).toEqual({
      ...{ isCovered: false, walletId: empty, affordable: nanos(0n) },
    });
    expect(waits).toEqual([]);
  });

  test("while the database is away are taken from what is leased, then refused as overloaded", async () => {
    const { pool, ledger, wallet } = openPool();
    await reserveOrFail(pool, [wallet], 100n);
    ledger.takeLease = () => Promise.reject(new Error("connection refused"));

    expect((await reserveOrFail(pool, [wallet], 600n)).amount).toBe(nanos(600n));
    const refused = pool.reserve([wallet], nanos(200n));

    await expect(refused).rejects.toBeInstanceOf(Failure);
    await expect(refused).rejects.toMatchObject({ kind: "overloaded", retryAfterSeconds: 2 });
    const rest = pool.reserveRest([wallet], 500n);
    await expect(rest).rejects.toMatchObject({ kind: "overloaded" });
  });

  test("get money back that another process gives up while they wait", async () => {
    const { pool, ledger, clock, wallet } = openPool();
    const other = new LeasePool({
      gatewayId: OTHER,
      ...{
        store: ledger,
        gateways: 2,
        ttlMs: TTL_MS,
        marginMs: MARGIN_MS,
        idleMs: 5_000,
        patienceMs: 0,
      },
      clock: { nowMs: () => 1_900_000_000_000, monotonicMs: () => clock.ms },
      async wait(ms) {
        clock.ms += ms;
      },
      ...{ closeLease: () => undefined, onTrouble: () => undefined, maxNanos: nanos(9_000n) },
    });
    const hold = await reserveOrFail(other, [wallet], 9_000n);
    other.settle(hold, nanos(0n));
    ledger.onRecall = (walletId) => void other.recall(walletId);

    expect((await reserveOrFail(pool, [wallet], 5_000n)).amount).toBe(nanos(5_000n));
    expect(other.totals().free).toBe(nanos(0n));
  });
});

describe("settling", () => {
  test("gives back what was not charged, once", async () => {
    const { pool, wallet } = openPool();
    const hold = await reserveOrFail(pool, [wallet], 100n);
    const { free } = pool.totals();

    pool.settle(hold, nanos(30n));
    pool.settle(hold, nanos(30n));
    pool.settle(hold, nanos(0n));

    expect(pool.totals()).toMatchObject({ free: nanos(free + 70n), held: nanos(0n) });
  });

  test("carries parts of a nano-dollar to the wallet's next charge", async () => {
    const { pool, wallet, budget } = openPool();
    const [a, b] = [
      await reserveOrFail(pool, [wallet, budget], 10n),
      await reserveOrFail(pool, [wallet, budget], 10n),
    ];

    expect(pool.charge(a, picos(1_600n))).toEqual({ charge: nanos(1n), uncovered: picos(0n) });
    expect(pool.charge(b, picos(1_600n))).toEqual({ charge: nanos(2n), uncovered: picos(0n) });
  });

  test("a charge beyond its hold takes what is free, at once, so that nobody else can", async () => {
    const { pool, wallet } = openPool();
    const hold = await reserveOrFail(pool, [wallet], 100n);
    const { free } = pool.totals();

    const { charge, uncovered } = pool.charge(hold, picos(250_000n));
    expect([charge, uncovered]).toEqual([nanos(250n), picos(0n)]);
    expect(pool.totals()).toMatchObject({ free: nanos(free - 150n), held: nanos(250n) });
    expect(pool.tryReserve([wallet], nanos(free))).toBeUndefined();

    pool.settle(hold, charge);
    expect(pool.totals()).toMatchObject({ free: nanos(free - 150n), held: nanos(0n) });
  });

  test("a charge beyond all there is leaves the wallet whole, and the rest is on record", async () => {
    const { pool, budget } = openPool();
    const hold = await reserveOrFail(pool, [budget], 300n);
    pool.charge(hold, picos(999n));

    const { charge, uncovered } = pool.charge(hold, picos(400_000n));

    // 999 pico-dollars were carried in, 300 nano-dollars are there.
    expect([charge, uncovered]).toEqual([nanos(300n), picos(100_999n)]);
    pool.settle(hold, charge);
    expect(pool.totals()).toMatchObject({ free: nanos(0n), held: nanos(0n) });
  });
});

describe("leases", () => {
  test("an idle one is closed when its last hold has ended, and its money comes back", async () => {
    const { pool, ledger, clock, closed, wallet } = openPool();
    const hold = await reserveOrFail(pool, [wallet], 100n);
    clock.ms = 6_000;
    pool.returnIdle();
    expect(closed).toEqual([]);

    pool.settle(hold, nanos(40n));
    clock.ms = 12_000;
    pool.returnIdle();
    expect(closed).toEqual([...hold.leaseIds]);
    const event = usageEvent(1, { leaseIds: hold.leaseIds, chargeNanos: nanos(40n) });
    const batch = { gatewayId: GATEWAY, events: [event], closedLeaseIds: closed };
    await ledger.post({ ...batch, ackedSequence: 1n });

    expect(ledger.balances(wallet)).toMatchObject({ availableNanos: 9_960n, leasedNanos: 0n });
    expect(pool.totals().leases).toBe(0);
  });

  test("one whose time is up takes no more holds until it is renewed", async () => {
    const { pool, ledger, clock, wallet } = openPool();
    await reserveOrFail(pool, [wallet], 100n);
    clock.ms = TTL_MS - MARGIN_MS;
    expect(pool.tryReserve([wallet], nanos(1n))).toBeUndefined();

    expect((await reserveOrFail(pool, [wallet], 1n)).leaseIds).toEqual([1n]);
    clock.ms += TTL_MS - MARGIN_MS - 1;
    expect(pool.tryReserve([wallet], nanos(1n))).toBeDefined();
    await ledger.quarantineExpired(new Date(1_900_000_000_000 + clock.ms));
    expect(ledger.leases.get(1n)?.state).toBe("open");
  });

  test("one that the database has set aside is fenced off; its holds end and then it is closed", async () => {
    const { pool, ledger, clock, closed, wallet } = openPool();
    const hold = await reserveOrFail(pool, [wallet], 100n);
    clock.ms = TTL_MS + 1;
    await ledger.quarantineExpired(new Date(1_900_000_000_000 + clock.ms));

    const next = await reserveOrFail(pool, [wallet], 50n);
    expect(next.leaseIds).not.toEqual(hold.leaseIds);
    expect(closed).toEqual([]);
    pool.settle(hold, nanos(10n));
    expect(closed).toEqual([...hold.leaseIds]);
    await postClosed(ledger, closed);
    expect(ledger.balances(wallet).quarantinedNanos).toBe(nanos(0n));
  });

  test("what a lost answer has granted is in the next answer", async () => {
    const { pool, ledger, wallet } = openPool({ maxNanos: nanos(100n) });
    await reserveOrFail(pool, [wallet], 100n);
    loseNextAnswer(ledger);
    await expect(pool.reserve([wallet], nanos(500n))).rejects.toThrow("cannot be reached");
    expect(pool.totals()).toMatchObject({ free: nanos(0n), held: nanos(100n) });

    await reserveOrFail(pool, [wallet], 500n);

    expect(pool.totals().free + pool.totals().held).toBe(ledger.balances(wallet).leasedNanos);
  });

  test("one that a lost answer has opened is found by the next renewal, and closed", async () => {
    const { pool, ledger, closed, wallet } = openPool();
    loseNextAnswer(ledger);
    await expect(pool.reserve([wallet], nanos(500n))).rejects.toThrow("cannot be reached");
    const hold = await reserveOrFail(pool, [wallet], 100n);

    await pool.renew();
    await pool.renew();
    expect(closed).toEqual([1n]);
    expect(hold.leaseIds).toEqual([2n]);
    await postClosed(ledger, closed);
    await pool.renew();
    expect(closed).toEqual([1n]);
    expect(ledger.balances(wallet).leasedNanos).toBe(nanos(pool.totals().free + 100n));
  });

  test("one whose answer is still under way is not taken for a stray one", async () => {
    const { pool, ledger, closed, wallet } = openPool();
    const release = holdNextAnswer(ledger);
    const reserving = reserveOrFail(pool, [wallet], 100n);
    await settleMicrotasks();
    expect(ledger.leases.size).toBe(1);

    await pool.renew();
    await pool.renew();
    expect(closed).toEqual([]);
    release();
    expect((await reserving).leaseIds).toEqual([1n]);
    await pool.renew();
    expect(closed).toEqual([]);
  });

  test("one that could not be given back for certain is used no more", async () => {
    const { pool, ledger, closed, wallet } = openPool();
    const hold = await reserveOrFail(pool, [wallet], 100n);
    const returnLease = ledger.returnLease.bind(ledger);
    ledger.returnLease = async (...args) => {
      await returnLease(...args);
      throw new Error("connection lost");
    };

    await expect(pool.recall(wallet)).rejects.toThrow("connection lost");

    expect(pool.tryReserve([wallet], nanos(1n))).toBeUndefined();
    pool.settle(hold, nanos(0n));
    expect(closed).toEqual([...hold.leaseIds]);
    await postClosed(ledger, closed);
    expect(ledger.balances(wallet)).toMatchObject({ availableNanos: 10_000n, leasedNanos: 0n });
  });

  test("a stop gives everything back; holds under way close their leases when they end", async () => {
    const { pool, ledger, closed, wallet, budget } = openPool();
    const hold = await reserveOrFail(pool, [wallet, budget], 100n);
    const other = await reserveOrFail(pool, [wallet], 10n);
    pool.settle(other, nanos(0n));

    await pool.retireAll();
    expect(closed).toEqual([]);
    pool.settle(hold, nanos(100n));
    expect(closed.toSorted()).toEqual([...hold.leaseIds].toSorted());
    const event = usageEvent(1, { leaseIds: hold.leaseIds, chargeNanos: nanos(100n) });
    const batch = { gatewayId: GATEWAY, events: [event], closedLeaseIds: closed };
    await ledger.post({ ...batch, ackedSequence: 1n });

    expect(ledger.balances(wallet)).toMatchObject({ availableNanos: 9_900n, spentNanos: 100n });
    expect(ledger.balances(budget)).toMatchObject({ availableNanos: 200n, spentNanos: 100n });
  });

  test("are topped up ahead of need while the wallet has plenty", async () => {
    const { pool, ledger, wallet } = openPool({ maxNanos: nanos(400n) });
    await reserveOrFail(pool, [wallet], 100n);
    await settleMicrotasks();

    for (let call = 0; call < 40; call++) {
      expect(pool.tryReserve([wallet], nanos(100n))).toBeDefined();
      await settleMicrotasks();
    }
    expect(ledger.leases.size).toBe(1);
  });
});

describe("what is left of a wallet", () => {
  test("is taken for a smaller hold, and no more of a rich wallet than the poor one can match", async () => {
    const { pool, ledger, wallet, budget } = openPool({ maxNanos: nanos(10n) });
    await reserveOrFail(pool, [budget], 120n);
    const refused = await pool.reserve([wallet, budget], nanos(500n));
    if (refused.isCovered) throw new Error("the budget cannot cover this");

    const rest = await pool.reserveRest([wallet, budget], refused.affordable);

    expect(rest).toBe(nanos(180n));
    expect(pool.tryReserve([wallet, budget], rest)).toBeDefined();
    expect(ledger.balances(wallet).leasedNanos).toBeLessThan(1_000n);
  });

  test("includes what lies in an own lease beside the last of the wallet", async () => {
    const { pool, budget } = openPool({ maxNanos: nanos(1n) });
    const hold = await reserveOrFail(pool, [budget], 200n);
    pool.settle(hold, nanos(50n));

    // 150 in the lease, 100 in the wallet.
    expect(await pool.reserveRest([budget], 250n)).toBe(nanos(250n));
  });
});

function loseNextAnswer(ledger: MemoryLedgerStore): void {
  const takeLease: LedgerStore["takeLease"] = ledger.takeLease.bind(ledger);
  ledger.takeLease = async (request) => {
    ledger.takeLease = takeLease;
    await takeLease(request);
    throw new Error("connection lost");
  };
}

function holdNextAnswer(ledger: MemoryLedgerStore): () => void {
  const takeLease: LedgerStore["takeLease"] = ledger.takeLease.bind(ledger);
  const { promise, resolve } = Promise.withResolvers<void>();
  ledger.takeLease = async (request) => {
    ledger.takeLease = takeLease;
    const answer = await takeLease(request);
    await promise;
    return answer;
  };
  return resolve;
}

const settleMicrotasks = () => new Promise((resolve) => setImmediate(resolve));
