/** At the end of a run: the ledger equals what the upstream served and what was kept, to the token. */
import { rate, type UsageEvent } from "../../src/domains/metering/index.ts";
import { type Quantities, quantityNames, type Usage } from "../../src/lib/quantities.ts";
import type { ServiceTier } from "../../src/lib/service-tiers.ts";
import { priceOf } from "./surroundings.ts";

export type Truth = {
  /** What the upstream has served, by event. */
  served: ReadonlyMap<string, { quantities: Quantities; serviceTier: ServiceTier }>;
  /** Events that our own cache answered. */
  hits: ReadonlyMap<string, ServiceTier>;
  /** Usage of answers that are kept, by event. */
  kept: ReadonlyMap<string, Usage>;
  /** Whether a request's answers are charged only when they are kept. */
  isOfJob(requestId: string): boolean;
};

/** Broken promises as sentences, each beginning with the number of its invariant in DESIGN §5. */
export function compareWithTruth(events: ReadonlyMap<string, UsageEvent>, truth: Truth): string[] {
  const problems: string[] = [];
  for (const [eventId, served] of truth.served) {
    const event = events.get(eventId);
    if (event === undefined) problems.push(`2: attempt ${eventId} was served and is not booked`);
    else if (!truth.isOfJob(event.requestId)) problems.push(...compare(eventId, event, served));
  }
  for (const [eventId, usage] of truth.kept) {
    const event = events.get(eventId);
    const known = truth.served.get(eventId);
    const isCharged = event !== undefined && event.source !== "none";
    if (!isCharged) problems.push(`2: the answer ${eventId} is kept and is not charged`);
    else if (known !== undefined) {
      problems.push(...compare(eventId, event, { ...known, quantities: usage.quantities }));
    }
  }
  for (const [eventId, event] of events) problems.push(...checkEvent(eventId, event, truth));
  return problems;
}

function compare(
  eventId: string,
  event: UsageEvent,
  truth: { quantities: Quantities; serviceTier: ServiceTier },
): string[] {
  if (event.serviceTier !== truth.serviceTier) {
    return [`2: attempt ${eventId} was served as ${truth.serviceTier}, not ${event.serviceTier}`];
  }
  // What the gateway counted itself is marked so; everything else is known to the token.
  if (event.source === "counted") return [];
  const problems: string[] = [];
  const cost = rate(priceOf(truth.serviceTier), { ...truth.quantities, requests: 1 });
  if (event.costPicos !== cost) {
    problems.push(`2: attempt ${eventId} (${event.outcome}) cost ${event.costPicos}, not ${cost}`);
  }
  const isSame = quantityNames.every(
    (name) =>
      name === "requests" || (event.quantities[name] ?? 0) === (truth.quantities[name] ?? 0),
  );
  return isSame
    ? problems
    : [...problems, `2: attempt ${eventId} was served otherwise than billed`];
}

function checkEvent(eventId: string, event: UsageEvent, truth: Truth): string[] {
  const problems: string[] = [];
  const cost = rate(priceOf(event.serviceTier), event.quantities);
  if (event.costPicos !== cost) {
    problems.push(`5: event ${eventId} cost ${event.costPicos}, its quantities cost ${cost}`);
  }
  if (event.source === "cache") {
    const isHit = truth.hits.get(eventId) === event.serviceTier;
    const isOneHit = JSON.stringify(event.quantities) === '{"cache_hits":1}';
    if (!isHit || !isOneHit) problems.push(`2: ${eventId} was not answered by our cache`);
    return problems;
  }
  const isFree = event.costPicos === 0n;
  if (truth.isOfJob(event.requestId)) {
    if (!isFree && !truth.kept.has(eventId)) {
      problems.push(`2: the answer ${eventId} is charged and was not kept`);
    }
  } else if (!isFree && !truth.served.has(eventId) && event.source !== "counted") {
    problems.push(`2: attempt ${eventId} was billed and never served`);
  }
  return problems;
}
