/** What every implementation of `LedgerStore` does. Run on PostgreSQL and on the ledger in memory. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LeaseGrant, LeaseRequest, PostBatch } from "../../src/domains/ledger/index.ts";
import { leaseSize } from "../../src/domains/ledger/ledger-store.ts";
import type { UsageEvent } from "../../src/domains/metering/index.ts";
import { nanos, picos } from "../../src/lib/money.ts";
import type { LedgerBench } from "../support/ledger-bench.ts";
import { gatewayIdOf, usageEvent } from "../support/usage-events.ts";

const EXPIRY = new Date("2030-01-01T00:00:00Z");
const LATER = new Date("2030-01-02T00:00:00Z");
const GATEWAY = gatewayIdOf(1);

export function ledgerStoreCases(openBench: () => Promise<LedgerBench>): void {
  let bench: LedgerBench;
  let wallet: bigint;

  beforeEach(async () => {
    bench = await openBench();
    wallet = await bench.openWallet("organization");
    await bench.grant(wallet, nanos(10_000n));
    await bench.store.registerGateway(GATEWAY);
  });
  afterEach(async () => {
    expect(await bench.problems()).toEqual([]);
    await bench[Symbol.asyncDispose]();
  });

  const take = (request: Partial<LeaseRequest> = {}): Promise<LeaseGrant> =>
    bench.store.takeLease({
      gatewayId: GATEWAY,
      walletId: wallet,
      leaseId: undefined,
      need: nanos(100n),
      demand: request.need ?? nanos(100n),
      want: nanos(0n),
      gateways: 2,
      expiresAt: EXPIRY,
      ...request,
    });

  const takeAll = (amount: bigint, request: Partial<LeaseRequest> = {}) =>
    take({ need: nanos(amount), demand: nanos(amount), ...request });

  const post = (events: readonly UsageEvent[], batch: Partial<PostBatch> = {}): Promise<number> =>
    bench.store.post({
      gatewayId: GATEWAY,
      events,
      closedLeaseIds: [],
      ackedSequence: 0n,
      ...batch,
    });

  const balances = async (walletId = wallet) => {
    const found = await bench.balances(walletId);
    return {
      available: found.availableNanos,
      leased: found.leasedNanos,
      quarantined: found.quarantinedNanos,
      spent: found.spentNanos,
    } as Record<string, bigint>;
  };

  const charge = (number: number, leaseIds: readonly bigint[], amount: bigint) =>
    usageEvent(number, { leaseIds, chargeNanos: nanos(amount) });

  describe("leases", () => {
    test("a request gets its need, and what it wants only while there is plenty", async () => {
      const modest = await take({ need: nanos(100n), want: nanos(500n) });
      const greedy = await take({ need: nanos(100n), want: nanos(1_000_000n) });

      expect(modest.granted).toBe(nanos(500n));
      expect(modest.available).toBe(nanos(9_500n));
      // A fourth of what is left: two gateways, half of the money stays.
      expect(greedy.granted).toBe(nanos(9_500n / 4n));
      expect(greedy.leaseId).toBeGreaterThan(modest.leaseId);
      expect(await balances()).toEqual({
        ...{ available: 7_125n, leased: 2_875n, quarantined: 0n, spent: 0n },
      });
    });

    test("near the limit all that is left is granted, and nothing below the need", async () => {
      await takeAll(9_000n);

      const rest = await take({ need: nanos(600n), demand: nanos(5_000n) });
      const none = await take({ need: nanos(1n) });

      expect(rest.granted).toBe(nanos(1_000n));
      expect(none).toEqual({
        leaseId: 0n,
        granted: nanos(0n),
        grantedInAll: nanos(0n),
        available: nanos(0n),
        leasedElsewhere: nanos(10_000n),
      });
    });

    test("a refusal leaves everything as it was and says what is there", async () => {
      const refused = await take({ need: nanos(10_001n) });

      expect(refused.granted).toBe(nanos(0n));
      expect(refused.available).toBe(nanos(10_000n));
      expect(refused.leasedElsewhere).toBe(nanos(0n));
      expect(await balances()).toMatchObject({ available: 10_000n, leased: 0n });
    });

    test("a top-up grows the same lease and says all that it was ever granted", async () => {
      const first = await takeAll(100n);
      const lost = await takeAll(300n, { leaseId: first.leaseId });
      const third = await takeAll(50n, { leaseId: first.leaseId });
      const refused = await take({ leaseId: first.leaseId, need: nanos(20_000n) });

      expect([lost.leaseId, third.leaseId]).toEqual([first.leaseId, first.leaseId]);
      expect(third.granted).toBe(nanos(50n));
      expect(third.grantedInAll).toBe(nanos(450n));
      expect(refused).toMatchObject({ leaseId: first.leaseId, granted: 0n, grantedInAll: 450n });
      expect(await balances()).toMatchObject({ available: 9_550n, leased: 450n });
    });

    test("a top-up of a lease that is no longer open opens a new one with a higher number", async () => {
      const first = await takeAll(100n);
      await post([], { closedLeaseIds: [first.leaseId] });

      const second = await takeAll(200n, { leaseId: first.leaseId });

      expect(second.leaseId).toBeGreaterThan(first.leaseId);
      expect(second.grantedInAll).toBe(nanos(200n));
      expect(await bench.leaseState(first.leaseId)).toBe("closed");
    });

    test("a lease of another gateway or another wallet cannot be topped up", async () => {
      const other = await bench.openWallet("organization");
      await bench.grant(other, nanos(1_000n));
      await bench.store.registerGateway(gatewayIdOf(2));
      const first = await takeAll(100n);

      const foreign = await takeAll(10n, { leaseId: first.leaseId, gatewayId: gatewayIdOf(2) });
      const crossed = await takeAll(10n, { leaseId: first.leaseId, walletId: other });

      expect(foreign.leaseId).not.toBe(first.leaseId);
      expect(crossed.leaseId).not.toBe(first.leaseId);
      expect(await balances(other)).toMatchObject({ available: 990n, leased: 10n });
    });

    test("a part can be given back while the lease is open, never more than it has", async () => {
      const { leaseId } = await takeAll(1_000n);

      expect(await bench.store.returnLease(leaseId, nanos(400n))).toBe(true);
      expect(await balances()).toMatchObject({ available: 9_400n, leased: 600n });
      await expect(bench.store.returnLease(leaseId, nanos(601n))).rejects.toThrow();
      await post([], { closedLeaseIds: [leaseId] });
      expect(await bench.store.returnLease(leaseId, nanos(1n))).toBe(false);
      expect(await balances()).toMatchObject({ available: 10_000n, leased: 0n });
    });

    test("an unknown wallet and an unknown gateway are refused", async () => {
      await expect(take({ walletId: 999n })).rejects.toThrow();
      await expect(take({ gatewayId: gatewayIdOf(77) })).rejects.toThrow("declared dead");
      await expect(post([], { gatewayId: gatewayIdOf(77) })).rejects.toThrow("is not registered");
    });

    test("registering again changes nothing", async () => {
      await post([], { ackedSequence: 7n });
      await bench.store.registerGateway(GATEWAY);

      expect(await bench.store.ackedSequence(GATEWAY)).toBe(7n);
    });
  });

  describe("expiry and recovery", () => {
    test("renewal names the open leases of this gateway only, and keeps them from expiring", async () => {
      await bench.store.registerGateway(gatewayIdOf(2));
      const kept = await takeAll(100n);
      const closed = await takeAll(100n);
      await takeAll(100n, { gatewayId: gatewayIdOf(2) });
      await post([], { closedLeaseIds: [closed.leaseId] });

      const live = await bench.store.renewLeases(GATEWAY, LATER);

      expect(live).toEqual({ open: new Set([kept.leaseId]), quarantined: new Set() });
      expect(await bench.store.quarantineExpired(new Date(EXPIRY.getTime() + 1))).toBe(1);
      expect(await bench.leaseState(kept.leaseId)).toBe("open");
    });

    test("an expired lease is set aside once; it can be charged and closed, and not spent from anew", async () => {
      const { leaseId } = await takeAll(1_000n);
      expect(await bench.store.quarantineExpired(EXPIRY)).toBe(0);
      expect(await bench.store.quarantineExpired(LATER)).toBe(1);
      expect(await bench.store.quarantineExpired(LATER)).toBe(0);
      expect(await balances()).toMatchObject({
        available: 9_000n,
        leased: 0n,
        quarantined: 1_000n,
      });

      expect(await bench.store.renewLeases(GATEWAY, LATER)).toEqual({
        ...{ open: new Set(), quarantined: new Set([leaseId]) },
      });
      expect(await bench.store.returnLease(leaseId, nanos(1n))).toBe(false);
      expect((await takeAll(10n, { leaseId })).leaseId).not.toBe(leaseId);

      await post([charge(1, [leaseId], 300n)], { closedLeaseIds: [leaseId] });
      expect(await balances()).toEqual({
        ...{ available: 9_690n, leased: 10n, quarantined: 0n, spent: 300n },
      });
    });

    test("a lease that is used up is set aside and closed without a transfer", async () => {
      const { leaseId } = await takeAll(100n);
      await post([charge(1, [leaseId], 100n)]);

      expect(await bench.store.quarantineExpired(LATER)).toBe(1);
      await post([], { closedLeaseIds: [leaseId] });

      expect(await bench.leaseState(leaseId)).toBe("closed");
      expect(await balances()).toMatchObject({ available: 9_900n, spent: 100n });
    });

    test("recovery gives back what open and quarantined leases have left, and fences the gateway", async () => {
      const expired = await takeAll(1_000n);
      await bench.store.quarantineExpired(LATER);
      const open = await takeAll(500n);
      await post([charge(1, [expired.leaseId], 200n), charge(2, [open.leaseId], 100n)]);

      await bench.store.recoverGateway(GATEWAY);
      await bench.store.recoverGateway(GATEWAY);

      expect(await balances()).toEqual({
        ...{ available: 9_700n, leased: 0n, quarantined: 0n, spent: 300n },
      });
      // A request that was under way when its process died: nobody would ever close what it opens.
      await expect(takeAll(10n)).rejects.toThrow("declared dead");
      expect(await bench.store.renewLeases(GATEWAY, LATER)).toEqual({
        ...{ open: new Set(), quarantined: new Set() },
      });
      expect(await balances()).toMatchObject({ available: 9_700n, leased: 0n });
    });

    test("a journal that is replayed after the recovery changes nothing", async () => {
      const { leaseId } = await takeAll(1_000n);
      const events = [charge(1, [leaseId], 200n), charge(2, [leaseId], 50n)];
      await post(events, { ackedSequence: 2n });
      await bench.store.recoverGateway(GATEWAY);
      const before = await balances();

      expect(await post(events, { closedLeaseIds: [leaseId], ackedSequence: 3n })).toBe(0);
      expect(await balances()).toEqual(before);
    });
  });

  describe("posting", () => {
    test("a batch charges its leases and closes what it names, after its events", async () => {
      const { leaseId } = await takeAll(1_000n);

      const fresh = await post([charge(1, [leaseId], 300n), charge(2, [leaseId], 400n)], {
        closedLeaseIds: [leaseId],
        ackedSequence: 5n,
      });

      expect(fresh).toBe(2);
      expect(await balances()).toMatchObject({ available: 9_300n, leased: 0n, spent: 700n });
      expect(await bench.store.ackedSequence(GATEWAY)).toBe(5n);
    });

    test("the same batch twice, overlapping batches and repeated events are charged once", async () => {
      const { leaseId } = await takeAll(1_000n);
      const [a, b, c] = [1, 2, 3].map((number) => charge(number, [leaseId], 100n)) as [
        UsageEvent,
        UsageEvent,
        UsageEvent,
      ];

      expect(await post([a, b])).toBe(2);
      expect(await post([a, b])).toBe(0);
      expect(await post([b, c])).toBe(1);
      expect(await post([c, a, c, b])).toBe(0);
      const d = charge(4, [leaseId], 100n);
      expect(await post([d, a, d])).toBe(1);
      expect(await bench.countEvents()).toBe(4);
      expect(await balances()).toMatchObject({ leased: 600n, spent: 400n });
    });

    test("an event that comes again with other contents changes nothing: the first terminal state stays", async () => {
      const { leaseId } = await takeAll(1_000n);
      await post([charge(1, [leaseId], 100n)]);

      expect(await post([charge(1, [leaseId], 999n)])).toBe(0);
      expect(await balances()).toMatchObject({ leased: 900n, spent: 100n });
    });

    test("attempts of one request are events of their own", async () => {
      const { leaseId } = await takeAll(1_000n);
      const failed = usageEvent(1, { leaseIds: [leaseId], outcome: "failed", source: "none" });
      const completed = { ...charge(1, [leaseId], 100n), attempt: 1 };

      expect(await post([failed, completed])).toBe(2);
      expect(await balances()).toMatchObject({ leased: 900n, spent: 100n });
    });

    test("an event with two or three scopes charges each of their wallets in full", async () => {
      const [project, key] = [await bench.openWallet("project"), await bench.openWallet("key")];
      await bench.grant(project, nanos(500n));
      await bench.grant(key, nanos(50n));
      const leases = [
        await takeAll(200n),
        await takeAll(200n, { walletId: project }),
        await takeAll(50n, { walletId: key }),
      ].map((lease) => lease.leaseId);

      await post([charge(1, leases, 30n), charge(2, leases.slice(0, 2), 100n)]);

      expect(await balances()).toMatchObject({ leased: 70n, spent: 130n });
      expect(await balances(project)).toMatchObject({ leased: 70n, spent: 130n });
      expect(await balances(key)).toMatchObject({ leased: 20n, spent: 30n });
    });

    test("a charge beyond one of its leases is refused, and nothing of its batch is posted", async () => {
      const key = await bench.openWallet("key");
      await bench.grant(key, nanos(50n));
      const { leaseId } = await takeAll(1_000n);
      const budget = await takeAll(20n, { walletId: key });

      const batch = [charge(1, [leaseId], 10n), charge(2, [leaseId, budget.leaseId], 21n)];
      await expect(post(batch, { ackedSequence: 9n, closedLeaseIds: [leaseId] })).rejects.toThrow();
      expect(await bench.countEvents()).toBe(0);
      expect(await bench.store.ackedSequence(GATEWAY)).toBe(0n);
      expect(await balances()).toMatchObject({ available: 9_000n, leased: 1_000n, spent: 0n });
      expect(await balances(key)).toMatchObject({ available: 30n, leased: 20n, spent: 0n });
    });

    test("a lease that does not exist fails the batch; one that is closed has nothing to charge", async () => {
      const { leaseId } = await takeAll(100n);
      await post([], { closedLeaseIds: [leaseId] });

      await expect(post([charge(1, [leaseId + 100n], 1n)])).rejects.toThrow("does not exist");
      await expect(post([charge(2, [leaseId], 1n)])).rejects.toThrow();
      expect(await bench.countEvents()).toBe(0);
    });

    test("parts of a nano-dollar are carried on the account that pays with money, and only there", async () => {
      const key = await bench.openWallet("key");
      await bench.grant(key, nanos(500n));
      const { leaseId } = await takeAll(100n);
      const budget = await takeAll(100n, { walletId: key });
      const leaseIds = [leaseId, budget.leaseId];
      const exact = (number: number, cost: bigint, charged: bigint) =>
        usageEvent(number, { leaseIds, costPicos: picos(cost), chargeNanos: nanos(charged) });

      // 0.6 + 0.7 + 0.8 nano-dollars: nothing, then one, then one; 0.1 stays.
      await post([exact(1, 600n, 0n)]);
      expect(await bench.remainderPicos(wallet)).toBe(600n);
      await post([exact(2, 700n, 1n), exact(3, 800n, 1n)]);

      expect(await bench.remainderPicos(wallet)).toBe(100n);
      expect(await bench.remainderPicos(key)).toBe(0n);
      expect(await balances()).toMatchObject({ leased: 98n, spent: 2n });
      expect(await balances(key)).toMatchObject({ leased: 98n, spent: 2n });
    });

    test("a cost that nothing covers is on record and not charged", async () => {
      const { leaseId } = await takeAll(100n);

      await post([
        usageEvent(1, {
          leaseIds: [leaseId],
          costPicos: picos(250_000n),
          chargeNanos: nanos(100n),
          uncoveredPicos: picos(150_000n),
        }),
      ]);

      expect(await bench.remainderPicos(wallet)).toBe(0n);
      expect(await balances()).toMatchObject({ leased: 0n, spent: 100n });
    });

    test("what is acknowledged never goes back", async () => {
      await post([], { ackedSequence: 10n });
      await post([], { ackedSequence: 4n });
      expect(await bench.store.ackedSequence(GATEWAY)).toBe(10n);
      expect(await bench.store.ackedSequence(gatewayIdOf(88))).toBe(0n);
    });

    test("closing what is closed, or never was, does nothing", async () => {
      const { leaseId } = await takeAll(100n);

      await post([], { closedLeaseIds: [leaseId, leaseId] });
      await post([], { closedLeaseIds: [leaseId, 12_345n] });

      expect(await balances()).toMatchObject({ available: 10_000n, leased: 0n });
    });
  });
}

/** Every grant, for all small numbers: checked against what the words of `leaseSize` say. */
export function leaseSizeCases(): void {
  test("the size of a lease: nothing below the need, all of the demand, more only of plenty", () => {
    for (let available = -2n; available <= 24n; available++) {
      for (let need = 1n; need <= 6n; need++) {
        for (let demand = need; demand <= 10n; demand += 3n) {
          for (const want of [0n, 3n, 7n, 100n]) {
            const request = { need, demand, want, gateways: 2 };
            const size = leaseSize(nanos(available), request as Parameters<typeof leaseSize>[1]);
            expect(size).toBe(expectedSize(available, request));
          }
        }
      }
    }
  });
}

function expectedSize(
  available: bigint,
  { need, demand, want }: { need: bigint; demand: bigint; want: bigint },
) {
  if (available < need) return nanos(0n);
  if (available <= demand) return nanos(available);
  const plenty = available / 4n;
  return nanos([demand, want < plenty ? want : plenty].reduce((a, b) => (a > b ? a : b)));
}
