/** The terminal state of an attempt whose gateway died before it could write one. */
import {
  callFactsOf,
  chargedQuantities,
  type Intent,
  type PriceComponents,
  rate,
  type UsageEvent,
} from "../domains/metering/index.ts";
import { nanos, nanosCovering, picos, splitCharge, ZERO_PICOS } from "../lib/money.ts";
import type { Usage } from "../lib/quantities.ts";

const PICOS_PER_NANO = 1_000n;

export function settleIntent(
  intent: Intent,
  learnt: { usage: Usage; price: PriceComponents; nowMs: number },
): UsageEvent {
  const { usage, price, nowMs } = learnt;
  const quantities = chargedQuantities(usage);
  const cost = rate(price, quantities);
  // The rest below a nano-dollar stays on the account as its remainder: no process is left to carry it.
  const isCovered = nanosCovering(cost) <= intent.holdNanos;
  const charge = isCovered ? splitCharge(cost, ZERO_PICOS).charge : intent.holdNanos;
  return {
    ...callFactsOf(intent),
    endedAtMs: nowMs,
    outcome: "interrupted",
    source: usage.source,
    quantities,
    costPicos: cost,
    chargeNanos: nanos(charge),
    uncoveredPicos: isCovered ? ZERO_PICOS : picos(cost - charge * PICOS_PER_NANO),
    raw: usage.raw,
  };
}
