/** What happens to credit over time, on PostgreSQL. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  expireCredits,
  grant,
  openWallet,
  postRemainders,
  readWallet,
} from "../../src/domains/ledger/index.ts";
import { type Nanos, nanos, picos } from "../../src/lib/money.ts";
import { openPostgresBench, type PostgresBench } from "../support/ledger-bench.ts";
import { gatewayIdOf, usageEvent } from "../support/usage-events.ts";

const day = (number: number) => new Date(Date.UTC(2030, 0, number));
const NEVER = null;

let bench: PostgresBench;
let wallet: bigint;

beforeEach(async () => {
  bench = await openPostgresBench();
  wallet = await bench.database.transact((client) => openWallet(client, "organization"));
  await bench.store.registerGateway(gatewayIdOf(1));
});
afterEach(async () => {
  expect(await bench.problems()).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

const give = (amount: bigint, expiresAt: Date | null, idempotencyKey?: string) =>
  bench.database.transact((client) =>
    grant(client, {
      ...{ walletId: wallet, amount: nanos(amount), expiresAt },
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    }),
  );

const lease = async (amount: bigint) =>
  (
    await bench.store.takeLease({
      ...{ gatewayId: gatewayIdOf(1), walletId: wallet, leaseId: undefined, gateways: 1 },
      ...{ need: nanos(amount), demand: nanos(amount), want: nanos(0n), expiresAt: day(30) },
    })
  ).leaseId;

let number = 0;
async function spend(leaseId: bigint, amount: bigint, closes = false): Promise<void> {
  number += 1;
  await bench.store.post({
    gatewayId: gatewayIdOf(1),
    events:
      amount === 0n
        ? []
        : [usageEvent(number, { leaseIds: [leaseId], chargeNanos: nanos(amount) })],
    ...{ closedLeaseIds: closes ? [leaseId] : [], ackedSequence: 0n },
  });
}

const spendNow = async (amount: bigint) => spend(await lease(amount), amount, true);

async function balances(): Promise<{ available: Nanos; spent: Nanos; expired: Nanos }> {
  const found = await readWallet(bench.database, wallet);
  return {
    available: found.availableNanos,
    spent: found.spentNanos,
    expired: found.expiredNanos,
  };
}

async function credits(): Promise<{ consumed: bigint; expired: bigint }[]> {
  const { rows } = await bench.database.pool.query<{ consumed: bigint; expired: bigint }>(
    "select consumed_nanos as consumed, expired_nanos as expired from credit order by credit_id",
  );
  return rows;
}

describe("credit", () => {
  test("is consumed soonest expiry first, then oldest first; what is left expires", async () => {
    await give(100n, NEVER);
    await give(100n, day(20));
    await give(100n, day(10));
    await spendNow(130n);

    expect(await expireCredits(bench.database, day(9))).toBe(0);
    expect(await expireCredits(bench.database, day(25))).toBe(1);

    expect(await credits()).toEqual([
      { consumed: 0n, expired: 0n },
      { consumed: 30n, expired: 70n },
      { consumed: 100n, expired: 0n },
    ] as never);
    expect(await balances()).toEqual({ available: 100n, spent: 130n, expired: 70n } as never);
    expect(await expireCredits(bench.database, day(25))).toBe(0);
  });

  test("that is leased when it expires leaves the wallet only when it comes back unspent", async () => {
    await give(100n, day(10));
    await give(50n, NEVER);
    const leaseId = await lease(120n);

    // All of the expiring credit is in the lease, and would be spent before the other.
    await expireCredits(bench.database, day(11));
    expect(await balances()).toMatchObject({ available: 30n, expired: 0n });

    await spend(leaseId, 40n);
    await expireCredits(bench.database, day(11));
    expect(await balances()).toMatchObject({ available: 30n, spent: 40n, expired: 0n });

    await spend(leaseId, 0n, true);
    await expireCredits(bench.database, day(12));
    expect(await balances()).toEqual({ available: 50n, spent: 40n, expired: 60n } as never);
    expect(await credits()).toEqual([
      { consumed: 40n, expired: 60n },
      { consumed: 0n, expired: 0n },
    ] as never);
  });

  test("that is leased in part expires in part: never at the cost of credit that does not expire", async () => {
    await give(100n, day(10));
    await give(100n, NEVER);
    const leaseId = await lease(120n);
    await give(1_000n, NEVER);

    await expireCredits(bench.database, day(11));
    expect(await balances()).toMatchObject({ available: 1_080n, expired: 0n });

    await spend(leaseId, 120n, true);
    await expireCredits(bench.database, day(11));
    expect(await balances()).toEqual({ available: 1_080n, spent: 120n, expired: 0n } as never);
    expect(await credits()).toMatchObject([
      { consumed: 100n },
      { consumed: 20n },
      { consumed: 0n },
    ]);
  });

  test("is granted once for an idempotency key, and the key fits one grant only", async () => {
    const [first, second] = await Promise.all([
      give(100n, NEVER, "order-7"),
      give(100n, NEVER, "order-7"),
    ]);
    const third = await give(100n, NEVER, "order-7");

    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(await balances()).toMatchObject({ available: 100n });
    await expect(give(101n, NEVER, "order-7")).rejects.toThrow("idempotency key");
  });
});

describe("carried remainders", () => {
  const exact = (id: number, leaseId: bigint, cost: bigint, gateway = 1) =>
    bench.store.post({
      gatewayId: gatewayIdOf(gateway),
      events: [
        usageEvent(id, { leaseIds: [leaseId], costPicos: picos(cost), chargeNanos: nanos(0n) }),
      ],
      ...{ closedLeaseIds: [], ackedSequence: 0n },
    });

  test("are posted in whole nano-dollars, as far as no running process may still take them along", async () => {
    await give(100n, NEVER);
    await bench.store.registerGateway(gatewayIdOf(2));
    const leaseId = await lease(50n);
    for (let i = 0; i < 4; i++) await exact(900 + i, leaseId, 999n);

    // 3,996 pico-dollars; two running processes may carry 1,998 of them.
    expect(await postRemainders(bench.database)).toBe(1);
    expect(await bench.remainderPicos(wallet)).toBe(2_996n);
    expect(await postRemainders(bench.database)).toBe(0);

    await bench.store.recoverGateway(gatewayIdOf(1));
    await bench.store.recoverGateway(gatewayIdOf(2));
    expect(await postRemainders(bench.database)).toBe(1);

    expect(await bench.remainderPicos(wallet)).toBe(996n);
    expect(await balances()).toEqual({ available: 97n, spent: 3n, expired: 0n } as never);
  });

  test("wait while the wallet has nothing left", async () => {
    await give(10n, NEVER);
    const leaseId = await lease(10n);
    await bench.store.recoverGateway(gatewayIdOf(2));
    for (let i = 0; i < 3; i++) await exact(800 + i, leaseId, 999n);

    expect(await postRemainders(bench.database)).toBe(0);
    expect(await bench.remainderPicos(wallet)).toBe(2_997n);
  });
});

describe("a provider's usage object that PostgreSQL cannot store", () => {
  test("is stored with replacements, and keeps nothing from being posted", async () => {
    await give(100n, NEVER);
    const leaseId = await lease(100n);
    const deep: unknown = JSON.parse(`${"[".repeat(4_000)}${"]".repeat(4_000)}`);
    const raws: unknown[] = [
      { text: "nul \0 byte", "key\0": 1 },
      ["lone \ud800 surrogate", { "\udc00": "\udfff" }],
      { huge: 1e300, tiny: 5e-324, minus: -0 },
      "a string",
      false,
      deep,
    ];
    const events = raws.map((raw, i) =>
      usageEvent(700 + i, { leaseIds: [leaseId], chargeNanos: nanos(1n), raw }),
    );

    expect(
      await bench.store.post({
        ...{ gatewayId: gatewayIdOf(1), events, closedLeaseIds: [], ackedSequence: 0n },
      }),
    ).toBe(raws.length);
    const { rows } = await bench.database.pool.query<{ raw_usage: unknown }>(
      "select raw_usage from usage_event order by event_id",
    );
    expect(rows[0]?.raw_usage).toEqual({ text: "nul \ufffd byte", "key\ufffd": 1 });
    expect(rows[1]?.raw_usage).toEqual(["lone \ufffd surrogate", { "\ufffd": "\ufffd" }]);
  });

  test("nor does a cost beyond all bounds, which stands on record as uncovered", async () => {
    await give(100n, NEVER);
    const leaseId = await lease(100n);
    const tokens = 9_000_000_000_000_000;
    await bench.database.pool.query(
      "insert into price_component values (1, 'image_input', 999999999999)",
    );
    const costPicos = picos(BigInt(tokens) * 999_999_999_999n);

    await bench.store.post({
      gatewayId: gatewayIdOf(1),
      events: [
        usageEvent(600, {
          ...{ leaseIds: [leaseId], costPicos, chargeNanos: nanos(100n) },
          ...{ uncoveredPicos: picos(costPicos - 100_000n), quantities: { image_input: tokens } },
        }),
      ],
      ...{ closedLeaseIds: [], ackedSequence: 0n },
    });

    expect(await balances()).toMatchObject({ available: 0n, spent: 100n });
  });
});
