/** What calls beside chat have cost, by the books. */
import { expect } from "bun:test";
import { rate } from "../../src/domains/metering/index.ts";
import { picos, usdFromPicos } from "../../src/lib/money.ts";
import type { QuantityName } from "../../src/lib/quantities.ts";
import type { Stack } from "./stack.ts";
import type { PostedEvent } from "./stack-observation.ts";

/** Pico-dollars for each unit; no two alike and none round, so that no mistake adds up by chance. */
export type Terms = Partial<Record<QuantityName, bigint>>;

export const termsOf = (terms: Terms) =>
  Object.fromEntries(Object.entries(terms).map(([name, price]) => [name, picos(price)]));

/** The last attempt of the key, which must be the only one since, priced by hand, to the last pico-dollar. */
export async function lastPosted(stack: Stack, requestId: string | null): Promise<PostedEvent> {
  await stack.untilPosted();
  const events = await stack.events({ requestId: requestId ?? "" });
  const event = events.at(-1);
  if (event === undefined) throw new Error(`nothing is posted of ${requestId}`);
  expect(event.uncoveredPicos).toBe(0n);
  return event;
}

export function expectCost(
  event: PostedEvent,
  { terms, header }: { terms: Terms; header?: string | null },
): void {
  const cost = Object.entries(event.quantities).reduce(
    (sum, [name, units]) => sum + (terms[name as QuantityName] ?? 0n) * BigInt(units ?? 0),
    0n,
  );
  expect(event.costPicos).toBe(cost);
  expect(rate(termsOf(terms), event.quantities)).toBe(picos(cost));
  if (header !== undefined) expect(header).toBe(usdFromPicos(picos(cost)));
}
