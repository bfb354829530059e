/**
 * After a gateway process has died: its journal is posted to the end, attempts that it left open are settled,
 * its leases are closed, and its journal is removed. Every step may run again after a crash of the worker.
 */
import { rm } from "node:fs/promises";
import { type Price, readForSettlement, termsFor } from "../domains/catalog/index.ts";
import type { LedgerStore } from "../domains/ledger/index.ts";
import { type Intent, type UsageEvent, unpricedOf } from "../domains/metering/index.ts";
import type { Clock } from "../lib/clock.ts";
import { eventIdOf } from "../lib/ids.ts";
import type { Usage } from "../lib/quantities.ts";
import type { Database } from "../platform/db/database.ts";
import { faultPoint } from "../platform/fault-point.ts";
import type { Log } from "../platform/log.ts";
import { learnUsage } from "../providers/learn-usage.ts";
import { toUpstream } from "../providers/to-upstream.ts";
import type { Upstream } from "../providers/upstream.ts";
import type { JournalPoster } from "./journal-poster.ts";
import { type KeptUsage, settleIntent, usageOfKept } from "./settle-intent.ts";

export type Recovery = {
  gatewayId: string;
  folder: string;
  socketPath: string;
  poster: JournalPoster;
  database: Database;
  store: LedgerStore;
  sealKey: string;
  /**
   * What is known of answers that are kept before they are charged. What is not among them must be void from then
   * on: a late write of the dead gateway finds that, and keeps nothing.
   */
  readKept(intents: readonly Intent[]): Promise<KeptUsage>;
  clock: Clock;
  log: Log;
};

const LOOK_UP_MS = 5_000;
/** An upstream that says nothing for this long is no longer asked; the usage is counted. */
const GIVE_UP_MS = 15 * 60_000;
const ASKED_AT_ONCE = 16;

/** @returns false while an upstream still works on an attempt: call again later. */
export async function recoverGateway(recovery: Recovery): Promise<boolean> {
  const { poster, store, gatewayId, log } = recovery;
  const intents = poster.openIntents();
  if (intents.length > 0) {
    const known = await readKnown(recovery, intents);
    for (let i = 0; i < intents.length; i += ASKED_AT_ONCE) {
      const group = intents.slice(i, i + ASKED_AT_ONCE);
      const settled = await Promise.all(group.map((intent) => settle(recovery, intent, known)));
      faultPoint("worker: interrupted attempts looked up");
      await poster.postRecovered(settled.filter((event) => event !== undefined));
      faultPoint("worker: interrupted attempts posted");
    }
    if (poster.openIntents().length > 0) return false;
  }
  await store.recoverGateway(gatewayId);
  faultPoint("worker: leases of an ended gateway closed");
  await poster.close();
  await rm(recovery.folder, { recursive: true, force: true });
  // A process that was killed leaves its socket behind.
  await rm(recovery.socketPath, { force: true });
  log.info("the journal of an ended gateway is posted and its leases are closed", {
    gatewayId,
    interrupted: intents.length,
  });
  return true;
}

type Known = {
  upstreams: ReadonlyMap<bigint, Upstream>;
  prices: ReadonlyMap<bigint, Price>;
  kept: KeptUsage;
};

async function settle(
  { clock, log }: Recovery,
  intent: Intent,
  { upstreams, prices, kept }: Known,
): Promise<UsageEvent | undefined> {
  const upstream = upstreams.get(intent.deploymentId);
  const price = prices.get(intent.priceVersionId);
  if (price === undefined) throw new Error(`price version ${intent.priceVersionId} does not exist`);
  const end = (usage: Usage | undefined) =>
    tellUnpriced(settleIntent(intent, { usage, price, nowMs: clock.nowMs() }), { price, log });
  if (intent.isKept) return end(usageOfKept(intent, kept));
  const learnt = await learn(intent, upstream, log);
  const mayLearnLater =
    upstream?.quirks.usage_lookup === true && clock.nowMs() - intent.startedAtMs < GIVE_UP_MS;
  if (learnt === undefined && mayLearnLater) return undefined;
  return end(learnt);
}

/** As the gateway tells it: the plan had found everything priced that the operation needs. */
function tellUnpriced(event: UsageEvent, { price, log }: { price: Price; log: Log }): UsageEvent {
  const unpriced = unpricedOf(termsFor(price, event.serviceTier) ?? {}, event.quantities);
  if (unpriced.length > 0) {
    log.error("a provider reported quantities without a price; they are not charged", {
      requestId: event.requestId,
      quantities: unpriced.join(", "),
    });
  }
  return event;
}

async function learn(
  intent: Intent,
  upstream: Upstream | undefined,
  log: Log,
): Promise<Usage | undefined> {
  if (upstream === undefined) return undefined;
  return await learnUsage(upstream, eventIdOf(intent.requestId, intent.attempt), {
    deadlineMs: LOOK_UP_MS,
    onTrouble: (error) =>
      log.warn("the usage of an interrupted attempt could not be looked up yet", {
        requestId: intent.requestId,
        error,
      }),
  });
}

/** What was removed since is included: an attempt that began before must still be settled. */
async function readKnown(
  { database, sealKey, readKept }: Recovery,
  intents: readonly Intent[],
): Promise<Known> {
  const kept = await readKept(intents.filter((intent) => intent.isKept));
  const { prices, deployments } = await readForSettlement(database, {
    sealKey,
    priceVersionIds: intents.map((intent) => intent.priceVersionId),
    deploymentIds: intents.map((intent) => intent.deploymentId),
  });
  const upstreams = [...deployments].map(
    ([deploymentId, { provider }]) => [deploymentId, toUpstream(provider)] as const,
  );
  return { prices, upstreams: new Map(upstreams), kept };
}
