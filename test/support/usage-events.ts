/** Usage events for tests of the ledger, told apart by a number. */
import type { UsageEvent } from "../../src/domains/metering/index.ts";
import { nanos, picos } from "../../src/lib/money.ts";

/** In UUIDs' order, so that tests can say which request is which. */
export const requestIdOf = (number: number): string =>
  `00000000-0000-7000-8000-${number.toString(16).padStart(11, "0")}0`;

export const gatewayIdOf = (number: number): string =>
  `00000000-0000-7000-9000-${number.toString(16).padStart(12, "0")}`;

/** Costs one pico-dollar per request in the price version of `openLedgerBench`, so any cost can be had. */
export function usageEvent(
  number: number,
  event: Partial<UsageEvent> & { leaseIds: readonly bigint[] },
): UsageEvent {
  const costPicos = event.costPicos ?? picos((event.chargeNanos ?? 0n) * 1000n);
  return {
    requestId: requestIdOf(number),
    attempt: 0,
    organizationId: 1n,
    projectId: 1n,
    keyId: "live0000test0000",
    modelId: 1n,
    deploymentId: 1n,
    priceVersionId: 1n,
    serviceTier: "standard",
    startedAtMs: 1_700_000_000_000 + number,
    endedAtMs: 1_700_000_001_000 + number,
    outcome: "completed",
    source: "provider",
    quantities: { requests: Number(costPicos) },
    costPicos,
    chargeNanos: nanos(costPicos / 1000n),
    uncoveredPicos: picos(0n),
    raw: undefined,
    ...event,
  };
}
