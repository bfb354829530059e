/** The terminal state of an attempt whose gateway died before it could write one. */
import { type Price, termsFor } from "../domains/catalog/index.ts";
import {
  billedView,
  callFactsOf,
  chargedQuantities,
  type Intent,
  type PriceComponents,
  rate,
  type UsageEvent,
  usageEventId,
} from "../domains/metering/index.ts";
import { assert } from "../lib/errors.ts";
import { nanos, nanosCovering, picos, splitCharge, ZERO_PICOS } from "../lib/money.ts";
import { countedUsage, NO_USAGE, type Usage } from "../lib/quantities.ts";

const PICOS_PER_NANO = 1_000n;

/** Usage of attempts whose answers are kept, by event id. */
export type KeptUsage = ReadonlyMap<string, Usage>;

/**
 * Charged if and only if it was kept. Whoever read the kept answers has made void what was not among them, so an
 * answer that is not there now will never be: nobody gets it, and we bear what the provider may charge for it.
 */
export const usageOfKept = (intent: Intent, kept: KeptUsage): Usage =>
  kept.get(usageEventId(intent)) ?? NO_USAGE;

/** `usage`: undefined where nothing could be learnt. What was delivered died with the process: it is counted. */
export function settleIntent(
  intent: Intent,
  learnt: {
    usage: Usage | undefined;
    price: Pick<Price, "picos" | "serviceTiers">;
    nowMs: number;
  },
): UsageEvent {
  const { nowMs } = learnt;
  const price = termsFor(learnt.price, intent.serviceTier);
  assert(price !== undefined, `an attempt was begun without a price for ${intent.serviceTier}`);
  const usage = usageOf(intent, price, learnt.usage);
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

function usageOf(intent: Intent, price: PriceComponents, learnt: Usage | undefined): Usage {
  const { beside, inputTokensCounted: inputTokens } = intent;
  if (beside === undefined) return learnt ?? countedUsage({ inputTokens, outputTokens: 0 });
  return billedView({ price, operation: beside.operation }, learnt, beside.counted);
}
