/**
 * The lease pool under any order of calls, answers, lost answers, expiry and recall. Whatever happens, its memory
 * is never richer than the database, and once everything has ended all money is back where it belongs.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { LedgerInvariants } from "../../../test/support/ledger-invariants.ts";
import { MemoryLedgerStore } from "../../../test/support/memory-ledger-store.ts";
import { gatewayIdOf, usageEvent } from "../../../test/support/usage-events.ts";
import { nanos, picos } from "../../lib/money.ts";
import type { UsageEvent } from "../metering/index.ts";
import { LeasePool } from "./lease-pool.ts";
import type { Hold } from "./lease-state.ts";
import type { LedgerStore } from "./ledger-store.ts";

const GATEWAY = gatewayIdOf(1);
const START_MS = 1_900_000_000_000;
/** Two organizations, a project, a key. */
const GRANTED = [40_000n, 3_000n, 5_000n, 900n] as const;

const doings = [
  ...["reserve", "reserve", "reserve", "reserve rest", "settle", "settle", "settle twice"],
  ...["hold beside", "hold beside"],
  ...[
    "answer",
    "answer",
    "answer",
    "answer",
    "lose request",
    "lose answer",
    "answer late",
    "ask too late",
  ],
  ...["time", "renew", "return idle", "recall", "post", "set aside"],
] as const;

type Doing = { what: (typeof doings)[number]; a: number; b: number };

const doing: fc.Arbitrary<Doing> = fc.record({
  what: fc.constantFrom(...doings),
  a: fc.nat({ max: 1_000 }),
  b: fc.nat({ max: 1_000 }),
});

/** A question on its way to the database. Whoever asked may have given up before it arrives. */
type Question = { arrive(): Promise<unknown>; answer(value: unknown): void; fail(): void };

/** Lets the test decide when a question arrives, and whether its answer does. */
function slowed(ledger: MemoryLedgerStore, questions: Question[]): LedgerStore {
  const ask = <T>(arrive: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      questions.push({
        arrive,
        answer: (value) => resolve(value as T),
        fail: () => reject(new Error("no answer")),
      });
    });
  return {
    registerGateway: (gatewayId) => ledger.registerGateway(gatewayId),
    takeLease: (request) => ask(() => ledger.takeLease(request)),
    returnLease: (leaseId, amount) => ask(() => ledger.returnLease(leaseId, amount)),
    renewLeases: (gatewayId, expiresAt) => ask(() => ledger.renewLeases(gatewayId, expiresAt)),
    post: (batch) => ledger.post(batch),
    ackedSequence: (gatewayId) => ledger.ackedSequence(gatewayId),
    quarantineExpired: (now) => ledger.quarantineExpired(now),
    recoverGateway: (gatewayId) => ledger.recoverGateway(gatewayId),
  };
}

class Model {
  readonly ledger = new MemoryLedgerStore();
  readonly #invariants = new LedgerInvariants(this.ledger);
  readonly #questions: Question[] = [];
  readonly #late: Question[] = [];
  readonly #waits: { untilMs: number; go(): void }[] = [];
  readonly #holds: Hold[] = [];
  readonly #journal: ({ event: UsageEvent } | { closed: bigint })[] = [];
  readonly #pool: LeasePool;
  readonly #wallets: bigint[];
  #nowMs = 0;
  #events = 0;
  #posted = 0;

  constructor() {
    this.#wallets = GRANTED.map((amount) => {
      const walletId = this.ledger.openWallet();
      this.ledger.grant(walletId, nanos(amount));
      return walletId;
    });
    void this.ledger.registerGateway(GATEWAY);
    this.#pool = new LeasePool({
      gatewayId: GATEWAY,
      store: slowed(this.ledger, this.#questions),
      clock: { nowMs: () => START_MS + this.#nowMs, monotonicMs: () => this.#nowMs },
      wait: (ms) =>
        new Promise((go) => this.#waits.push({ untilMs: this.#nowMs + ms, go: () => go() })),
      closeLease: (leaseId) => this.#journal.push({ closed: leaseId }),
      onTrouble: () => undefined,
      ...{
        gateways: 2,
        ttlMs: 1_000,
        marginMs: 200,
        maxNanos: nanos(2_000n),
        idleMs: 300,
        patienceMs: 300,
      },
    });
  }

  async do({ what, a, b }: Doing): Promise<void> {
    const walletIds = this.#walletsOf(a);
    // Nothing, too: an answer from a cache may be free.
    if (what === "reserve") void this.#reserve(walletIds, BigInt(b));
    if (what === "reserve rest") void this.#reserveRest(walletIds, BigInt(b + 1));
    if (what === "hold beside") this.#holdBeside(a);
    if (what === "settle") this.#settle(a, b);
    if (what === "settle twice") this.#settle(a, b, 2);
    if (what === "answer") await this.#answer(a);
    if (what === "lose request") this.#questions.splice(a % this.#count(), 1)[0]?.fail();
    if (what === "lose answer") await this.#loseAnswer(a);
    if (what === "answer late") await this.#holdAnswer(a);
    if (what === "ask too late") this.#loseForNow(a);
    if (what === "time") this.#pass(b);
    if (what === "renew") void this.#pool.renew().catch(() => undefined);
    if (what === "return idle") this.#pool.returnIdle();
    if (what === "recall") void this.#pool.recall(walletIds[0] ?? 0n).catch(() => undefined);
    if (what === "post") await this.#post((a % 5) + 1);
    if (what === "set aside") {
      await this.ledger.quarantineExpired(new Date(START_MS + this.#nowMs - b));
    }
    await microtasks();
    this.assertSound();
  }

  /** Everything ends: answers arrive, holds are settled, leases closed, the journal is posted. */
  async end(): Promise<void> {
    for (let round = 0; round < 6; round++) {
      await this.#settleDown();
      this.#pass(10_000);
      void this.#pool.retireAll();
      await this.#settleDown();
      void this.#pool.renew();
      await this.#settleDown();
      await this.#post(Number.POSITIVE_INFINITY);
      this.assertSound();
    }
    for (const [i, walletId] of this.#wallets.entries()) {
      const end = this.ledger.balances(walletId);
      expect(end.leasedNanos + end.quarantinedNanos).toBe(nanos(0n));
      expect(end.availableNanos + end.spentNanos).toBe(nanos(GRANTED[i] ?? 0n));
    }
    expect(this.#invariants.eventProblems()).toEqual([]);
  }

  assertSound(): void {
    expect(this.#invariants.problems()).toEqual([]);
    const { free, held } = this.#pool.totals();
    const unposted = this.#journal
      .slice(this.#posted)
      .flatMap((item) => ("event" in item ? [item.event] : []))
      .reduce((sum, event) => sum + event.chargeNanos * BigInt(event.leaseIds.length), 0n);
    const inLeases = this.#wallets
      .map((walletId) => this.ledger.balances(walletId))
      .reduce((sum, { leasedNanos, quarantinedNanos }) => sum + leasedNanos + quarantinedNanos, 0n);
    expect(free).toBeGreaterThanOrEqual(0n);
    expect(free + held + unposted).toBeLessThanOrEqual(inLeases);
  }

  #walletsOf(a: number): bigint[] {
    const [rich, poor, project, key] = this.#wallets as [bigint, bigint, bigint, bigint];
    const scopes = [[rich], [poor], [rich, key], [poor, key], [rich, project, key]];
    return scopes[a % scopes.length] as bigint[];
  }

  readonly #count = () => Math.max(this.#questions.length, 1);

  async #reserve(walletIds: bigint[], amount: bigint): Promise<void> {
    const reservation = await this.#pool.reserve(walletIds, nanos(amount)).catch(() => undefined);
    if (reservation?.isCovered === true) this.#holds.push(reservation.hold);
  }

  async #reserveRest(walletIds: bigint[], most: bigint): Promise<void> {
    const rest = await this.#pool.reserveRest(walletIds, most).catch(() => nanos(0n));
    if (rest === 0n) return;
    // Another caller may have been quicker.
    const hold = this.#pool.tryReserve(walletIds, rest);
    if (hold !== undefined) this.#holds.push(hold);
  }

  /** The second leg of a call that is asked twice at once: it never waits, and either leg may end first. */
  #holdBeside(a: number): void {
    const first = this.#holds[a % Math.max(this.#holds.length, 1)];
    if (first === undefined) return;
    const second = this.#pool.tryReserve(
      first.leases.map((lease) => lease.walletId),
      first.amount,
    );
    if (second !== undefined) this.#holds.push(second);
  }

  #settle(a: number, b: number, times = 1): void {
    const [hold] = this.#holds.splice(a % Math.max(this.#holds.length, 1), 1);
    if (hold === undefined) return;
    // From nothing to a third more than the hold.
    const cost = picos((hold.amount * 1_000n * BigInt(b)) / 750n);
    const { charge, uncovered } = this.#pool.charge(hold, cost);
    const { leaseIds } = hold;
    this.#events += 1;
    const event = usageEvent(this.#events, {
      ...{ leaseIds, costPicos: cost, chargeNanos: charge, uncoveredPicos: uncovered },
    });
    this.#journal.push({ event });
    for (let time = 0; time < times; time++) this.#pool.settle(hold, charge);
  }

  async #answer(a: number): Promise<void> {
    const [question] = this.#questions.splice(a % this.#count(), 1);
    if (question !== undefined) question.answer(await question.arrive());
  }

  async #loseAnswer(a: number): Promise<void> {
    const [question] = this.#questions.splice(a % this.#count(), 1);
    await question?.arrive();
    question?.fail();
  }

  /** The question arrives, and its answer takes as long as another question. */
  async #holdAnswer(a: number): Promise<void> {
    const [question] = this.#questions.splice(a % this.#count(), 1);
    if (question === undefined) return;
    const arrived = question.arrive();
    await arrived.catch(() => undefined);
    this.#questions.push({ ...question, arrive: () => arrived });
  }

  /** The asker gives up, and the question arrives at some time afterwards. */
  #loseForNow(a: number): void {
    const [question] = this.#questions.splice(a % this.#count(), 1);
    if (question === undefined) return;
    question.fail();
    this.#late.push(question);
  }

  #pass(ms: number): void {
    this.#nowMs += ms;
    for (const wait of this.#waits.splice(0)) {
      if (wait.untilMs <= this.#nowMs) wait.go();
      else this.#waits.push(wait);
    }
    if (ms % 2 === 0)
      void this.#late
        .shift()
        ?.arrive()
        .catch(() => undefined);
  }

  async #post(count: number): Promise<void> {
    const items = this.#journal.slice(this.#posted, this.#posted + count);
    await this.ledger.post({
      gatewayId: GATEWAY,
      events: items.flatMap((item) => ("event" in item ? [item.event] : [])),
      closedLeaseIds: items.flatMap((item) => ("closed" in item ? [item.closed] : [])),
      ackedSequence: BigInt(this.#posted + items.length),
    });
    this.#posted += items.length;
  }

  async #settleDown(): Promise<void> {
    for (let i = 0; i < 400; i++) {
      await microtasks();
      if (this.#late.length > 0)
        await this.#late
          .shift()
          ?.arrive()
          .catch(() => undefined);
      else if (this.#questions.length > 0) await this.#answer(0);
      else if (this.#waits.length > 0) this.#pass(1_000);
      else if (this.#holds.length > 0) this.#settle(0, i);
      else return;
    }
    throw new Error("the pool does not come to rest");
  }
}

const microtasks = () => new Promise((resolve) => setImmediate(resolve));

test("the pool is never richer than the database, and nothing leaks", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(doing, { minLength: 5, maxLength: 200, size: "max" }),
      async (all) => {
        const model = new Model();
        for (const one of all) await model.do(one);
        await model.end();
      },
    ),
    { numRuns: 400 },
  );
}, 60_000);
