/**
 * One gateway process: the real lease pool and the real journal on the simulated disk. Only what surrounds them is
 * made up: who calls (`simulated-calls.ts`), and what the upstream answers.
 */
import { LeasePool, type LedgerStore } from "../../src/domains/ledger/index.ts";
import { decodeRecord, encodeRecord, usageEventId } from "../../src/domains/metering/index.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { UpstreamHealth } from "../../src/gateway/state/upstream-health.ts";
import { nanos } from "../../src/lib/money.ts";
import { Journal } from "../../src/platform/journal/journal.ts";
import { newOwner, type Owner } from "./scheduler.ts";
import { type CallSite, SimulatedCalls } from "./simulated-calls.ts";
import type { JournalPort, Surroundings } from "./surroundings.ts";

export const TTL_MS = 3_000;
const MARGIN_MS = 400;
const RENEW_MS = TTL_MS / 4;
const IDLE_MS = 600;
const CALLS_AT_ONCE = 12;
/** A few records, so that segments follow each other quickly. */
const SEGMENT_BYTES = 2_600;

export class SimulatedGateway {
  readonly owner: Owner;
  readonly gatewayId: string;
  readonly #world: Surroundings;
  readonly #store: LedgerStore;
  /** Charges on their way into the ledger, by event; the world removes what has arrived. */
  readonly charges = new Map<string, { amount: bigint; isDurable: boolean }>();
  #journal: JournalPort | undefined;
  #pool: LeasePool | undefined;
  #calls = 0;
  #isDraining = false;

  constructor(world: Surroundings, gatewayId: string) {
    this.#world = world;
    this.gatewayId = gatewayId;
    this.owner = newOwner(`gateway ${gatewayId.slice(-3)}`);
    const linked = world.network.connect(this.owner, world.ledger);
    this.#store = world.plan.gatewayStore?.(linked) ?? linked;
  }

  /** Runs until the process dies. */
  async run(): Promise<void> {
    try {
      const site = await this.#start();
      void this.#every(RENEW_MS, "renew", () => site.pool.renew());
      void this.#every(IDLE_MS, "return idle leases", async () => site.pool.returnIdle());
      void this.#takeCalls(new SimulatedCalls(this.#world, site));
    } catch (error) {
      this.#world.expectPlanned(error, `${this.owner.name} starts`);
      this.#world.endGateway(this);
    }
  }

  /** Money at hand in this process's memory; undefined before it has started. */
  atHand(): bigint | undefined {
    const totals = this.#pool?.totals();
    return totals === undefined ? undefined : totals.free + totals.held;
  }

  /** Started, with a journal that takes work, and no call under way. */
  isIdleAndSound(): boolean {
    const isSound = this.#journal?.whyRefusing() === undefined && !this.#isDraining;
    return this.#pool !== undefined && isSound && this.#calls === 0;
  }

  recall(walletId: bigint): void {
    this.#pool
      ?.recall(walletId)
      .catch((error: unknown) => this.#world.expectPlanned(error, "recall"));
  }

  /** Finishes its calls, gives everything back, writes everything down. */
  async stop(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const { scheduler } = this.#world;
    while (this.#calls > 0) await scheduler.wait(this.owner, 20, "drains");
    await this.#pool?.retireAll();
    await this.#journal?.close();
    await scheduler.wait(this.owner, 0, "ends");
    this.#world.endGateway(this);
  }

  async #start(): Promise<CallSite> {
    const { scheduler, disk, plan } = this.#world;
    await this.#store.registerGateway(this.gatewayId);
    const journal = await Journal.open({
      disk: disk.open(this.gatewayId, this.owner),
      ...{ segmentBytes: SEGMENT_BYTES, groupMaxRecords: 8 },
      wait: (ms) => scheduler.wait(this.owner, ms, "waits for room on the disk"),
      onTrouble: (_message, error) => this.#world.expectPlanned(error, "journal"),
    });
    this.#journal = plan.journal?.(journal) ?? journal;
    const pool = this.#openPool();
    this.#pool = pool;
    return { owner: this.owner, pool, gateway: this.#openGateway(this.#journal, pool) };
  }

  #openPool(): LeasePool {
    const { scheduler } = this.#world;
    return new LeasePool({
      gatewayId: this.gatewayId,
      store: this.#store,
      clock: scheduler.clock,
      wait: (ms) => scheduler.wait(this.owner, ms, "waits for recalled money"),
      closeLease: (leaseId) => {
        this.#append(encodeRecord({ type: "lease_closed", leaseId })).catch((error: unknown) =>
          this.#world.expectPlanned(error, "close lease"),
        );
      },
      onTrouble: (_message, error) => this.#world.expectPlanned(error, "pool"),
      ...{ gateways: 3, ttlMs: TTL_MS, marginMs: MARGIN_MS, idleMs: IDLE_MS, patienceMs: 500 },
      ...{ maxNanos: nanos(40_000n), patienceMs: 400 },
    });
  }

  /** What attempts need of a gateway. */
  #openGateway(journal: JournalPort, pool: LeasePool): Gateway {
    const exceeded = () => this.#world.report("3: a call cost more than its upper bound");
    const gateway: Partial<Gateway> = {
      gatewayId: this.gatewayId,
      clock: this.#world.scheduler.clock,
      pool,
      journal: {
        append: (payload: string) => this.#append(payload),
        whyRefusing: () => journal.whyRefusing(),
      } as unknown as Gateway["journal"],
      metrics: {
        holdsExceeded: { add: exceeded },
        unpriced: { add: () => this.#world.report("2: a usage has no price") },
        countAttempt: () => undefined,
      } as unknown as Gateway["metrics"],
      log: { error: () => undefined, warn: () => undefined } as unknown as Gateway["log"],
      attempts: new Set(),
      health: new UpstreamHealth({ clock: this.#world.scheduler.clock }),
    };
    return gateway as Gateway;
  }

  /** Takes note of charges on their way into the journal. */
  async #append(payload: string): Promise<void> {
    const record = decodeRecord(payload);
    const durable = this.#journal?.append(payload) ?? Promise.reject(new Error("not started"));
    if (record.type !== "usage") return await durable;
    const { chargeNanos, leaseIds } = record.event;
    const charge = { amount: chargeNanos * BigInt(leaseIds.length), isDurable: false };
    this.charges.set(usageEventId(record.event), charge);
    await durable;
    charge.isDurable = true;
  }

  async #every(ms: number, what: string, run: () => Promise<unknown>): Promise<void> {
    for (;;) {
      await this.#world.scheduler.wait(this.owner, ms, `is to ${what}`);
      await run().catch((error: unknown) => this.#world.expectPlanned(error, what));
    }
  }

  async #takeCalls(calls: SimulatedCalls): Promise<void> {
    const { scheduler } = this.#world;
    for (;;) {
      await scheduler.wait(this.owner, scheduler.random.next() * this.#world.callMs, "is called");
      const isOpen = this.#world.takesCalls && !this.#isDraining && this.#calls < CALLS_AT_ONCE;
      if (!isOpen || this.#journal?.whyRefusing() !== undefined) continue;
      this.#calls += 1;
      void calls
        .call()
        .catch((error: unknown) => this.#world.expectPlanned(error, "call"))
        .finally(() => (this.#calls -= 1));
    }
  }
}
