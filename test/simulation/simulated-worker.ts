/**
 * The worker process: the real poster and the real settlement of interrupted attempts, over every journal that
 * lies on the disk. The loop around them follows `src/worker/post-journals.ts` and `recover-gateway.ts`.
 */
import type { LedgerStore } from "../../src/domains/ledger/index.ts";
import { type Intent, type UsageEvent, usageEventId } from "../../src/domains/metering/index.ts";
import { NO_USAGE, type Usage } from "../../src/lib/quantities.ts";
import { JournalPoster } from "../../src/worker/journal-poster.ts";
import { type KeptUsage, settleIntent, usageOfKept } from "../../src/worker/settle-intent.ts";
import { newOwner, type Owner } from "./scheduler.ts";
import { PRICES, type Surroundings } from "./surroundings.ts";

const DISCOVER_MS = 100;
const POLL_MS = 30;
const QUARANTINE_MS = 400;
const REMAINDER_MS = 2_000;
const BATCH = 7;
const ASKED_AT_ONCE = 4;

export class SimulatedWorker {
  readonly owner: Owner;
  readonly #world: Surroundings;
  readonly #store: LedgerStore;
  readonly #posting = new Set<string>();
  /** Another worker ran at the same time. */
  hadCompany = false;

  constructor(world: Surroundings, number: number) {
    this.#world = world;
    this.owner = newOwner(`worker ${number}`);
    const linked = world.network.connect(this.owner, world.ledger);
    this.#store = world.plan.workerStore?.(linked) ?? linked;
  }

  run(): void {
    const { scheduler, network, ledger, disk } = this.#world;
    void this.#every(DISCOVER_MS, "look for journals", async () => {
      for (const gatewayId of disk.folders()) {
        if (this.#posting.has(gatewayId)) continue;
        this.#posting.add(gatewayId);
        void this.#postUntilRecovered(gatewayId).finally(() => this.#posting.delete(gatewayId));
      }
    });
    void this.#every(QUARANTINE_MS, "quarantine", () =>
      this.#store.quarantineExpired(new Date(scheduler.clock.nowMs())),
    );
    void this.#every(REMAINDER_MS, "post remainders", () =>
      network.ask(this.owner, "post remainders", () => ledger.postRemainders()),
    );
  }

  async #every(ms: number, what: string, run: () => Promise<unknown>): Promise<void> {
    for (;;) {
      await this.#world.scheduler.wait(this.owner, ms, `is to ${what}`);
      await run().catch((error: unknown) => this.#world.expectPlanned(error, what));
    }
  }

  async #postUntilRecovered(gatewayId: string): Promise<void> {
    const { scheduler, disk } = this.#world;
    const poster = new JournalPoster({
      ...{ gatewayId, store: this.#store, batchSize: BATCH },
      disk: disk.open(gatewayId, this.owner),
    });
    for (;;) {
      try {
        if ((await poster.step()) > 0) continue;
        if (await this.#recoverIfDead(poster, gatewayId)) return;
      } catch (error) {
        this.#expectTrouble(error, gatewayId);
      }
      await scheduler.wait(this.owner, POLL_MS, "polls");
    }
  }

  /** Where two workers run, one may remove segments that the other has not read; it reads again then. */
  #expectTrouble(error: unknown, gatewayId: string): void {
    const isOvertaken = error instanceof Error && error.message.includes("is missing before");
    if (isOvertaken && this.hadCompany) return;
    this.#world.expectPlanned(error, `posting of ${gatewayId}`);
  }

  async #recoverIfDead(poster: JournalPoster, gatewayId: string): Promise<boolean> {
    const { scheduler } = this.#world;
    const isAlive = await scheduler.call(this.owner, 1, "asks a gateway whether it lives", () =>
      this.#world.isAlive(gatewayId),
    );
    if (isAlive) return false;
    while ((await poster.step()) > 0);
    const intents = poster.openIntents();
    const kept = await this.#readKept(intents);
    for (let i = 0; i < intents.length; i += ASKED_AT_ONCE) {
      const group = intents.slice(i, i + ASKED_AT_ONCE);
      await poster.postRecovered(
        await Promise.all(group.map((intent) => this.#settle(intent, kept))),
      );
    }
    await this.#store.recoverGateway(gatewayId);
    await poster.close();
    await scheduler.call(this.owner, 1, "removes a journal", () =>
      this.#world.disk.removeFolder(gatewayId),
    );
    return true;
  }

  async #readKept(intents: readonly Intent[]): Promise<KeptUsage> {
    const requestIds = intents.filter(({ isKept }) => isKept).map(({ requestId }) => requestId);
    if (requestIds.length === 0) return new Map();
    const { network, kept } = this.#world;
    return await network.ask(this.owner, "read kept answers", () => kept.readKept(requestIds));
  }

  async #settle(intent: Intent, kept: KeptUsage): Promise<UsageEvent> {
    const usage = await this.#usageOf(intent, kept);
    const nowMs = this.#world.scheduler.clock.nowMs();
    return settleIntent(intent, { usage, price: PRICES, nowMs });
  }

  async #usageOf(intent: Intent, kept: KeptUsage): Promise<Usage> {
    const { upstream, plan } = this.#world;
    if (plan.recoversBlindly === true) return NO_USAGE;
    const isKept = intent.isKept && plan.chargesLostAnswers !== true;
    return isKept
      ? usageOfKept(intent, kept)
      : await upstream.learn(this.owner, usageEventId(intent));
  }
}
