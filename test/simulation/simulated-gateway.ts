/**
 * One gateway process: the real lease pool, the real journal on the simulated disk, the real attempts of the data
 * plane. Only what surrounds them is made up: who calls, and what the upstream answers.
 */
import { LeasePool, type LedgerStore } from "../../src/domains/ledger/index.ts";
import {
  affordableOutputTokens,
  decodeRecord,
  encodeRecord,
  upperBound,
  usageEventId,
} from "../../src/domains/metering/index.ts";
import { Attempt, type AttemptOptions } from "../../src/gateway/attempts/attempt.ts";
import type { Gateway, Payment } from "../../src/gateway/gateway.ts";
import { UpstreamHealth } from "../../src/gateway/state/upstream-health.ts";
import { Failure } from "../../src/lib/errors.ts";
import { nanos, nanosCovering, picos } from "../../src/lib/money.ts";
import { countedUsage, NO_USAGE, type Usage } from "../../src/lib/quantities.ts";
import { Journal } from "../../src/platform/journal/journal.ts";
import { newOwner, type Owner } from "./scheduler.ts";
import type { Order } from "./simulated-upstream.ts";
import {
  type JournalPort,
  type Organization,
  PRICE,
  PRICE_VERSION_ID,
  type Surroundings,
} from "./surroundings.ts";

export const TTL_MS = 3_000;
const MARGIN_MS = 400;
const RENEW_MS = TTL_MS / 4;
const IDLE_MS = 600;
const CALLS_AT_ONCE = 12;
const ATTEMPTS = 2;
/** A few records, so that segments follow each other quickly. */
const SEGMENT_BYTES = 2_600;

const CANDIDATE = {
  ...{ modelId: 1n, deploymentId: 1n, healthKey: "1", credentialKey: "1" },
  ...{
    priceVersionId: PRICE_VERSION_ID,
    price: PRICE,
    serviceTier: "standard",
    maxOutputTokens: 1_000_000,
  },
};

export class SimulatedGateway {
  readonly owner: Owner;
  readonly gatewayId: string;
  readonly #world: Surroundings;
  readonly #store: LedgerStore;
  /** Charges on their way into the ledger, by event; the world removes what has arrived. */
  readonly charges = new Map<string, { amount: bigint; isDurable: boolean }>();
  #journal: JournalPort | undefined;
  #pool: LeasePool | undefined;
  #gateway: Gateway | undefined;
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
      await this.#start();
    } catch (error) {
      this.#world.expectPlanned(error, `${this.owner.name} starts`);
      this.#world.endGateway(this);
      return;
    }
    void this.#every(RENEW_MS, "renew", () => this.#pool?.renew());
    void this.#every(IDLE_MS, "return idle leases", async () => this.#pool?.returnIdle());
    void this.#takeCalls();
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

  async #start(): Promise<void> {
    const { scheduler, disk, plan } = this.#world;
    await this.#store.registerGateway(this.gatewayId);
    const journal = await Journal.open({
      disk: disk.open(this.gatewayId, this.owner),
      ...{ segmentBytes: SEGMENT_BYTES, groupMaxRecords: 8 },
      wait: (ms) => scheduler.wait(this.owner, ms, "waits for room on the disk"),
      onTrouble: (_message, error) => this.#world.expectPlanned(error, "journal"),
    });
    this.#journal = plan.journal?.(journal) ?? journal;
    this.#pool = this.#openPool();
    this.#gateway = this.#openGateway(this.#journal, this.#pool);
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

  async #every(ms: number, what: string, run: () => Promise<unknown> | undefined): Promise<void> {
    for (;;) {
      await this.#world.scheduler.wait(this.owner, ms, `is to ${what}`);
      await run()?.catch((error: unknown) => this.#world.expectPlanned(error, what));
    }
  }

  async #takeCalls(): Promise<void> {
    const { scheduler } = this.#world;
    for (;;) {
      await scheduler.wait(this.owner, scheduler.random.next() * this.#world.callMs, "is called");
      const isOpen = this.#world.takesCalls && !this.#isDraining && this.#calls < CALLS_AT_ONCE;
      if (!isOpen || this.#journal?.whyRefusing() !== undefined) continue;
      this.#calls += 1;
      void this.#call(scheduler.random.pick(this.#world.organizations))
        .catch((error: unknown) => this.#world.expectPlanned(error, "call"))
        .finally(() => (this.#calls -= 1));
    }
  }

  async #call(organization: Organization): Promise<void> {
    const { random } = this.#world.scheduler;
    const walletIds = random.pick(organization.scopes);
    const inputTokens = random.between(1, 300);
    const payment = await this.#reserve(walletIds, inputTokens, random.between(1, 400));
    if (payment === undefined) return;
    const requestId = this.#world.newRequestId();
    for (let number = 0; number < ATTEMPTS; number++) {
      const attempt = this.#attempt({ organization, payment, requestId, number });
      const isDone = await this.#try(attempt, payment, number + 1 < ATTEMPTS);
      if (isDone) return;
    }
  }

  /** As `src/gateway/reserve.ts`: the upper bound, or as much of it as the wallets afford. */
  async #reserve(
    walletIds: readonly bigint[],
    inputTokens: number,
    outputTokensMax: number,
  ): Promise<Payment | undefined> {
    const pool = this.#pool as LeasePool;
    const holdFor = (outputTokens: number) =>
      nanosCovering(upperBound(PRICE, { inputTokens, outputTokens }));
    const payment = (hold: Payment["hold"], outputTokens: number): Payment => ({
      ...{ hold, outputTokensMax: outputTokens, fixed: {} },
      ...{ inputTokensMax: inputTokens, inputTokensCounted: inputTokens, isLowered: false },
    });
    const atOnce = pool.tryReserve(walletIds, holdFor(outputTokensMax));
    if (atOnce !== undefined) return payment(atOnce, outputTokensMax);
    const reservation = await pool.reserve(walletIds, holdFor(outputTokensMax));
    if (reservation.isCovered) return payment(reservation.hold, outputTokensMax);
    const rest = await pool.reserveRest(walletIds, reservation.affordable);
    const amount = picos(rest * 1_000n);
    const outputTokens = Math.min(
      affordableOutputTokens(PRICE, { inputTokens, amount }),
      outputTokensMax,
    );
    if (outputTokens < 1) return undefined;
    const lowered = pool.tryReserve(walletIds, holdFor(outputTokens));
    return lowered === undefined ? undefined : payment(lowered, outputTokens);
  }

  #attempt(call: {
    organization: Organization;
    payment: Payment;
    requestId: string;
    number: number;
  }): Attempt {
    const { organization, payment, requestId, number } = call;
    const startedAtMs = this.#world.scheduler.clock.nowMs();
    const options = {
      ...{ payment, number },
      call: { requestId, startedAtMs },
      principal: { organizationId: organization.walletId, projectId: 1n, keyId: "live", tpm: null },
      candidate: CANDIDATE,
    };
    return new Attempt(this.#gateway as Gateway, options as unknown as AttemptOptions);
  }

  /** One attempt to its terminal state. False when another one should follow. */
  async #try(attempt: Attempt, payment: Payment, hasNext: boolean): Promise<boolean> {
    const { eventId } = attempt;
    const settle = async (outcome: "completed" | "disconnected" | "failed", usage: Usage) => {
      const keepsHold = outcome === "failed" && usage === NO_USAGE && hasNext;
      const settled = await attempt.settle(outcome, usage, keepsHold);
      this.#world.promise(eventId, { outcome, charge: settled.charge });
      if (settled.charge > held) this.#world.report(`3: ${eventId} cost more than its hold`);
    };
    const held = payment.hold?.amount ?? 0n;
    await attempt.begin();
    this.#world.begin(eventId);
    const order = {
      eventId,
      inputTokens: payment.inputTokensMax,
      outputTokensMax: payment.outputTokensMax,
    };
    const answer = await this.#answerOrLeave(order).catch(async (error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      await settle("failed", NO_USAGE);
      return "refused" as const;
    });
    if (answer === "refused") return !hasNext;
    if (answer === "left") await settle("disconnected", await this.#learnOrCount(order));
    else if (answer.state === "complete") await settle("completed", answer.usage);
    else await settle("failed", await this.#learnOrCount(order));
    return true;
  }

  /** Sometimes the upstream does not answer in time, and what was delivered is counted instead. */
  async #learnOrCount(order: Order): Promise<Usage> {
    const { upstream, scheduler } = this.#world;
    const { random } = scheduler;
    if (random.chance(0.6)) return await upstream.learn(this.owner, order.eventId);
    const outputTokens = random.between(0, order.outputTokensMax);
    return countedUsage({ inputTokens: order.inputTokens, outputTokens });
  }

  /** The answer of the upstream, unless the client leaves before it. */
  async #answerOrLeave(order: Order) {
    const { scheduler, upstream } = this.#world;
    const answer = upstream.dispatch(this.owner, order);
    if (!scheduler.random.chance(0.15)) return await answer;
    const left = scheduler
      .wait(this.owner, scheduler.random.next() * 300, "a client may leave")
      .then(() => "left" as const);
    const first = await Promise.race([answer, left]);
    if (first === "left") upstream.stop(order.eventId);
    answer.catch((error: unknown) => this.#world.expectPlanned(error, "answer to nobody"));
    return first;
  }
}
