/**
 * The way between a process and the ledger. A question may be lost, or its answer after it took effect, or it
 * arrives after whoever asked has given up; while there is an outage nothing arrives at all.
 */
import type { LedgerStore } from "../../src/domains/ledger/index.ts";
import { newOwner, type Owner, PlannedFault, type Scheduler } from "./scheduler.ts";

export type NetworkFaults = { lostRequest: number; lostAnswer: number; late: number; slow: number };

const NO_FAULTS: NetworkFaults = { lostRequest: 0, lostAnswer: 0, late: 0, slow: 0 };
const GIVE_UP_MS = 150;
const LATE_MS = 3_000;
const FAST_MS = 4;
const SLOW_MS = 600;

export class SimulatedNetwork {
  readonly #scheduler: Scheduler;
  /** What is on its way does not die with whoever sent it. */
  readonly #wire = newOwner("network");
  #faults: NetworkFaults;
  isDatabaseAway = false;

  constructor(scheduler: Scheduler, faults: NetworkFaults) {
    this.#scheduler = scheduler;
    this.#faults = faults;
  }

  heal(): void {
    this.#faults = NO_FAULTS;
    this.isDatabaseAway = false;
  }

  /** The ledger as one process reaches it. */
  connect(owner: Owner, ledger: LedgerStore): LedgerStore {
    const ask = <T>(what: string, effect: () => Promise<T>) => this.#ask(owner, what, effect);
    return {
      registerGateway: (id) => ask("register", () => ledger.registerGateway(id)),
      takeLease: (request) =>
        ask(`take lease of wallet ${request.walletId}`, () => ledger.takeLease(request)),
      returnLease: (leaseId, amount) =>
        ask(`return ${amount} of lease ${leaseId}`, () => ledger.returnLease(leaseId, amount)),
      renewLeases: (id, at) => ask("renew leases", () => ledger.renewLeases(id, at)),
      post: (batch) =>
        ask(`post ${batch.events.length} events up to ${batch.ackedSequence}`, () =>
          ledger.post(batch),
        ),
      ackedSequence: (id) => ask("read acknowledged", () => ledger.ackedSequence(id)),
      quarantineExpired: (now) => ask("quarantine", () => ledger.quarantineExpired(now)),
      recoverGateway: (id) => ask("recover gateway", () => ledger.recoverGateway(id)),
    };
  }

  /** A question to the ledger that is no method of its store. */
  ask<T>(owner: Owner, what: string, effect: () => T): Promise<T> {
    return this.#ask(owner, what, async () => effect());
  }

  /** A message that nobody answers. It may get lost. */
  tell(owner: Owner, what: string, run: () => void): void {
    if (this.#scheduler.random.chance(this.#faults.lostRequest)) return;
    this.#scheduler.after(owner, this.#delayMs(), what, run);
  }

  #ask<T>(owner: Owner, what: string, effect: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { random } = this.#scheduler;
      const fail = (why: string, delayMs: number) =>
        this.#scheduler.after(owner, delayMs, `${what}: ${why}`, () =>
          reject(new PlannedFault(why)),
        );
      const arrive = (answers: boolean) => {
        if (this.isDatabaseAway) return answers && fail("no connection", this.#delayMs());
        this.#scheduler.note(`ledger: ${what}, of ${owner.name}`);
        effect().then(
          (value) => answers && this.#reply(owner, `answer to ${what}`, () => resolve(value)),
          (error: unknown) =>
            answers && this.#reply(owner, `refusal of ${what}`, () => reject(error)),
        );
        return undefined;
      };
      const fate = random.next();
      const { lostRequest, lostAnswer, late } = this.#faults;
      if (fate < lostRequest) fail("lost", GIVE_UP_MS);
      else if (fate < lostRequest + lostAnswer) {
        this.#scheduler.after(this.#wire, this.#delayMs(), what, () => arrive(false));
        fail("answer lost", GIVE_UP_MS);
      } else if (fate < lostRequest + lostAnswer + late) {
        this.#scheduler.after(this.#wire, random.next() * LATE_MS, `late: ${what}`, () =>
          arrive(false),
        );
        fail("timed out", GIVE_UP_MS);
      } else this.#scheduler.after(this.#wire, this.#delayMs(), what, () => arrive(true));
    });
  }

  #reply(owner: Owner, what: string, run: () => void): void {
    this.#scheduler.after(owner, this.#delayMs(), what, run);
  }

  #delayMs(): number {
    const { random } = this.#scheduler;
    return random.next() * (random.chance(this.#faults.slow) ? SLOW_MS : FAST_MS);
  }
}
