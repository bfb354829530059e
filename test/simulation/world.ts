/**
 * A whole Baseload in memory: gateways, worker, ledger, disk, network, upstream, and everything that may go wrong
 * with them. After every step the invariants of DESIGN §5 are checked; at the end every token that the upstream
 * served is paid for exactly once.
 */
import type { PostBatch } from "../../src/domains/ledger/index.ts";
import type { Outcome } from "../../src/domains/metering/index.ts";
import { Failure } from "../../src/lib/errors.ts";
import { type Nanos, nanos } from "../../src/lib/money.ts";
import type { ServiceTier } from "../../src/lib/service-tiers.ts";
import { LedgerInvariants } from "../support/ledger-invariants.ts";
import { MemoryLedgerStore } from "../support/memory-ledger-store.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { gatewayIdOf, requestIdOf } from "../support/usage-events.ts";
import { compareWithTruth } from "./compare-with-truth.ts";
import { isPlanned, newOwner, Scheduler } from "./scheduler.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { SimulatedGateway, TTL_MS } from "./simulated-gateway.ts";
import { SimulatedKeptAnswers } from "./simulated-kept-answers.ts";
import { SimulatedNetwork } from "./simulated-network.ts";
import { SimulatedUpstream } from "./simulated-upstream.ts";
import { SimulatedWorker } from "./simulated-worker.ts";
import type { Organization, Plan, Process, Surroundings } from "./surroundings.ts";

const OUTAGE_MS = 5_000;
const RESTART_MS = 300;
/** Late questions arrive, leases run out, idle ones are given back and posted. */
const IDLE_TTLS = 4;

export class World implements Surroundings {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly ledger: MemoryLedgerStore;
  readonly disk: SimulatedDisk;
  readonly network: SimulatedNetwork;
  readonly upstream: SimulatedUpstream;
  readonly kept: SimulatedKeptAnswers;
  readonly organizations: readonly Organization[];
  readonly problems: string[] = [];
  takesCalls = true;
  readonly callMs: number;
  readonly #mishapMs: number;
  readonly #gatewaysWanted: number;
  readonly #invariants: LedgerInvariants;
  readonly #chaos = newOwner("chaos");
  readonly #gateways = new Map<string, SimulatedGateway>();
  readonly #begun = new Set<string>();
  readonly #hits = new Map<string, ServiceTier>();
  readonly #promised = new Map<string, { outcome: Outcome; charge: Nanos }>();
  readonly #posted: PostBatch[] = [];
  readonly #workers = new Set<SimulatedWorker>();
  #granted = new Map<bigint, bigint>();
  #requests = 0;
  #gatewayCount = 0;
  #workerCount = 0;
  #isCalm = false;
  #transfersSeen = -1;
  readonly mishaps: Record<string, number> = {};

  constructor(seed: number, plan: Plan = {}) {
    const random = new SeededRandom(seed);
    this.plan = plan;
    this.scheduler = new Scheduler(random);
    this.ledger = plan.ledger ?? new MemoryLedgerStore();
    this.#invariants = new LedgerInvariants(this.ledger);
    this.disk = new SimulatedDisk(this.scheduler);
    this.network = new SimulatedNetwork(this.scheduler, {
      lostRequest: random.next() * 0.03,
      lostAnswer: random.next() * 0.05,
      late: random.next() * 0.05,
      slow: random.next() * 0.1,
    });
    this.upstream = new SimulatedUpstream(this.scheduler);
    this.kept = new SimulatedKeptAnswers({ isOnlyRead: plan.keepsLate === true });
    this.callMs = random.between(15, 120);
    this.#mishapMs = random.between(40, 700);
    this.#gatewaysWanted = random.between(1, 4);
    this.organizations = this.#openOrganizations();
    this.ledger.onRecall = (walletId) => {
      for (const gateway of this.#gateways.values()) {
        this.network.tell(gateway.owner, "hears a recall", () => gateway.recall(walletId));
      }
    };
    const { post } = this.ledger;
    this.ledger.post = (batch) => {
      this.#posted.push(batch);
      return post.call(this.ledger, batch);
    };
  }

  /** One that is rich, one that is always short, with budgets of projects and keys below them. */
  #openOrganizations(): Organization[] {
    const fill = (amount: bigint) => {
      const walletId = this.ledger.openWallet();
      this.#give(walletId, amount);
      return walletId;
    };
    const [rich, poor, project, key] = [
      fill(10n ** 9n),
      fill(30_000n),
      fill(400_000n),
      fill(25_000n),
    ];
    return [
      { walletId: rich, scopes: [[rich], [rich, project], [rich, project, key]] },
      { walletId: poor, scopes: [[poor], [poor, key]] },
    ];
  }

  #give(walletId: bigint, amount: bigint): void {
    this.ledger.grant(walletId, nanos(amount));
    this.#granted.set(walletId, (this.#granted.get(walletId) ?? 0n) + amount);
  }

  /** Lets everything go wrong for so many steps, then lets it come to rest, then compares. */
  async run(steps: number): Promise<void> {
    for (let i = 0; i < this.#gatewaysWanted; i++) this.#startGateway();
    this.#startWorker();
    void this.#misbehave();
    while (this.scheduler.count < steps && this.problems.length === 0) await this.#step();
    await this.#comeToRest(steps);
    if (this.problems.length > 0) return;
    this.#compareWithTruth();
    await this.#replay();
  }

  report(problem: string): void {
    this.problems.push(problem);
  }

  expectPlanned(error: unknown, what: string): void {
    if (isPlanned(error)) return;
    const isFenced = error instanceof Failure && /declared dead/.test(String(error.message));
    if (isFenced) return;
    this.report(`bug: ${what}: ${error instanceof Error ? error.stack : String(error)}`);
  }

  newRequestId(): string {
    this.#requests += 1;
    return requestIdOf(this.#requests);
  }

  begin(eventId: string): void {
    this.#begun.add(eventId);
  }

  hit(eventId: string, serviceTier: ServiceTier): void {
    this.#hits.set(eventId, serviceTier);
  }

  promise(eventId: string, settled: { outcome: Outcome; charge: Nanos }): void {
    this.#promised.set(eventId, settled);
  }

  isAlive(gatewayId: string): boolean {
    const owner = this.#gateways.get(gatewayId)?.owner;
    if (owner?.isAlive !== true) return false;
    return this.plan.takesPausedForDead !== true || owner.pausedUntilMs <= this.scheduler.nowMs;
  }

  endGateway(gateway: Process): void {
    gateway.owner.isAlive = false;
    this.upstream.onDeath(gateway.owner);
    this.#gateways.delete(gateway.gatewayId);
    if (this.#isCalm) return;
    const delayMs = this.scheduler.random.next() * RESTART_MS;
    this.scheduler.after(this.#chaos, delayMs, "a gateway is started", () => this.#startGateway());
  }

  #startGateway(): void {
    if (this.#isCalm) return;
    this.#gatewayCount += 1;
    const gateway = new SimulatedGateway(this, gatewayIdOf(this.#gatewayCount));
    this.#gateways.set(gateway.gatewayId, gateway);
    void gateway.run();
  }

  #startWorker(): void {
    this.#workerCount += 1;
    const worker = new SimulatedWorker(this, this.#workerCount);
    this.#workers.add(worker);
    if (this.#workers.size > 1) for (const each of this.#workers) each.hadCompany = true;
    worker.run();
  }

  #aWorker(): SimulatedWorker | undefined {
    return this.#workers.size === 0 ? undefined : this.scheduler.random.pick([...this.#workers]);
  }

  #killGateway(gateway: SimulatedGateway): void {
    this.disk.onKill(gateway.owner);
    this.endGateway(gateway);
  }

  #killWorker(worker: SimulatedWorker | undefined): void {
    if (worker === undefined) return;
    worker.owner.isAlive = false;
    this.#workers.delete(worker);
    const delayMs = this.scheduler.random.next() * RESTART_MS;
    this.scheduler.after(this.#chaos, delayMs, "a worker is started", () => this.#startWorker());
  }

  async #misbehave(): Promise<void> {
    const { random } = this.scheduler;
    const names = Object.keys(this.#mishapTable);
    for (;;) {
      await this.scheduler.wait(this.#chaos, random.next() * this.#mishapMs, "thinks of something");
      if (this.#isCalm) return;
      const name = random.pick(names);
      const gateway = random.pick([...this.#gateways.values(), undefined]);
      this.mishaps[name] = (this.mishaps[name] ?? 0) + 1;
      this.scheduler.note(`chaos: ${name} ${gateway?.owner.name ?? ""}`);
      this.#mishapTable[name]?.(gateway);
    }
  }

  readonly #mishapTable: Record<string, (gateway?: SimulatedGateway) => void> = {
    "kill -9 of a gateway": (gateway?: SimulatedGateway) => {
      if (gateway !== undefined) this.#killGateway(gateway);
    },
    "stop of a gateway": (gateway?: SimulatedGateway) => void gateway?.stop(),
    "crash of a worker": () => this.#killWorker(this.#aWorker()),
    "second worker": () => {
      if (this.#workers.size < 2) this.#startWorker();
    },
    "loss of power": () => {
      if (this.scheduler.random.chance(0.6)) return;
      for (const worker of [...this.#workers]) this.#killWorker(worker);
      for (const gateway of [...this.#gateways.values()]) this.#killGateway(gateway);
      this.disk.onPowerLoss();
    },
    "pause of a gateway": (gateway?: SimulatedGateway) => this.#pause(gateway?.owner, 6_000),
    "pause of a worker": () => this.#pause(this.#aWorker()?.owner, 1_000),
    "outage of the database": () => {
      this.network.isDatabaseAway = true;
      const delayMs = this.scheduler.random.next() * OUTAGE_MS;
      this.scheduler.after(this.#chaos, delayMs, "the database is back", () => {
        this.network.isDatabaseAway = false;
      });
    },
    "full disk": () => {
      this.disk.isFull = true;
      const delayMs = this.scheduler.random.next() * OUTAGE_MS;
      this.scheduler.after(this.#chaos, delayMs, "the disk has room again", () => {
        this.disk.isFull = false;
      });
    },
    "disk error": (gateway?: SimulatedGateway) => {
      if (gateway !== undefined) this.disk.failNext(gateway.owner);
    },
    "job that waits no longer": () => {
      const requestId = this.kept.anyBegun((begun) => this.scheduler.random.pick(begun));
      if (requestId !== undefined) this.kept.giveUp(requestId);
    },
    credit: () => {
      const { random } = this.scheduler;
      this.#give(BigInt(random.between(1, 4)), BigInt(random.between(1, 40_000)));
    },
  };

  #pause(owner: { pausedUntilMs: number } | undefined, mostMs: number): void {
    if (owner === undefined) return;
    owner.pausedUntilMs = this.scheduler.nowMs + this.scheduler.random.next() * mostMs;
  }

  async #step(): Promise<void> {
    const isMore = await this.scheduler.step();
    if (!isMore) this.report("the simulation stands still");
    this.#check();
  }

  /** Invariants 1, 3, 4 of the ledger, and that no process has more in memory than the ledger gave it. */
  #check(): void {
    if (this.ledger.transactions === this.#transfersSeen) return;
    this.#transfersSeen = this.ledger.transactions;
    this.problems.push(...this.#invariants.problems());
    const rests = this.#restsByGateway();
    for (const gateway of this.#gateways.values()) {
      const atHand = gateway.atHand();
      if (atHand === undefined) continue;
      const needed = atHand + this.#unsettled(gateway);
      const rest = rests.get(gateway.gatewayId) ?? 0n;
      if (needed <= rest) continue;
      this.report(`3: ${gateway.owner.name} needs ${needed} at hand, its leases have ${rest}`);
    }
  }

  /** Charges that the ledger has still to take, less those that it has taken while their hold still stands. */
  #unsettled({ charges }: SimulatedGateway): bigint {
    let sum = 0n;
    for (const [eventId, { amount, isDurable }] of charges) {
      const isPosted = this.ledger.events.has(eventId);
      if (isDurable && isPosted) charges.delete(eventId);
      else if (isDurable) sum += amount;
      else if (isPosted) sum -= amount;
    }
    return sum;
  }

  #restsByGateway(): Map<string, bigint> {
    const rests = new Map<string, bigint>();
    for (const lease of this.ledger.leases.values()) {
      if (lease.state === "closed") continue;
      const rest = lease.granted - lease.returned - lease.charged;
      rests.set(lease.gatewayId, (rests.get(lease.gatewayId) ?? 0n) + rest);
    }
    return rests;
  }

  /** Everything is repaired; calls under way end; processes stop or die; journals are posted and recovered. */
  async #comeToRest(steps: number): Promise<void> {
    this.#isCalm = true;
    this.takesCalls = false;
    this.network.heal();
    this.disk.heal();
    this.upstream.isReliable = true;
    if (this.#workers.size === 0) this.#startWorker();
    for (const { owner } of [...this.#workers, ...this.#gateways.values()]) owner.pausedUntilMs = 0;
    await this.#idle();
    for (const gateway of [...this.#gateways.values()]) {
      if (this.scheduler.random.chance(0.5)) void gateway.stop();
      else this.#killGateway(gateway);
    }
    const limit = this.scheduler.count + Math.max(steps * 4, 20_000);
    while (this.problems.length === 0 && !this.#isAtRest()) {
      await this.#step();
      if (this.scheduler.count > limit) this.report("4: the simulation does not come to rest");
    }
  }

  /** Processes that have nothing to do keep no money, whatever answers got lost before. */
  async #idle(): Promise<void> {
    const untilMs = this.scheduler.nowMs + IDLE_TTLS * TTL_MS;
    while (this.problems.length === 0 && this.scheduler.nowMs < untilMs) await this.#step();
    for (const lease of this.ledger.leases.values()) {
      const gateway = this.#gateways.get(lease.gatewayId);
      if (lease.state === "closed" || gateway?.isIdleAndSound() !== true) continue;
      this.report(`4: lease ${lease.leaseId} of an idle process is still ${lease.state}`);
    }
  }

  #isAtRest(): boolean {
    if (this.#gateways.size > 0 || this.disk.folders().length > 0 || !this.upstream.isIdle)
      return false;
    return [...this.ledger.leases.values()].every(({ state }) => state === "closed");
  }

  /** Invariants 2 and 4: the ledger equals what the upstream served, to the token; all other money is back. */
  #compareWithTruth(): void {
    this.problems.push(...this.#invariants.eventProblems());
    const { events } = this.ledger;
    this.problems.push(
      ...compareWithTruth(events, {
        served: this.upstream.truth(),
        hits: this.#hits,
        kept: this.kept.all(),
        isOfJob: (requestId) => this.kept.has(requestId),
      }),
    );
    for (const eventId of this.#begun) {
      if (!events.has(eventId)) this.report(`2: ${eventId} has no terminal state`);
    }
    for (const [eventId, { outcome, charge }] of this.#promised) {
      const event = events.get(eventId);
      if (event?.outcome !== outcome || event.chargeNanos !== charge) {
        this.report(
          `2: ${eventId} was answered as ${outcome}, ${charge}, and is ${event?.outcome}`,
        );
      }
    }
    for (const [walletId, granted] of this.#granted) {
      const { availableNanos, spentNanos, leasedNanos, quarantinedNanos } =
        this.ledger.balances(walletId);
      if (availableNanos + spentNanos !== granted || leasedNanos + quarantinedNanos !== 0n) {
        this.report(`4: wallet ${walletId}: ${availableNanos} + ${spentNanos} is not ${granted}`);
      }
    }
  }

  /** Invariant 6: replaying everything that was ever posted changes nothing. */
  async #replay(): Promise<void> {
    const transfers = this.ledger.transfers.length;
    for (const batch of [...this.#posted]) {
      if ((await this.ledger.post(batch)) > 0) this.report("6: a replayed batch was new");
    }
    if (this.ledger.transfers.length !== transfers) this.report("6: a replay moved money");
    this.problems.push(...this.#invariants.problems());
  }
}
