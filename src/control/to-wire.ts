/** From records to the JSON of the contract, for what several resources share. */
import { Failure } from "../lib/errors.ts";
import { type Nanos, usdFromNanos } from "../lib/money.ts";
import type { Page } from "../platform/db/page.ts";

export const toTime = (at: Date): string => at.toISOString();
export const toTimeOrNull = (at: Date | null): string | null => at?.toISOString() ?? null;
export const toUsdOrNull = (amount: Nanos | null): string | null =>
  amount === null ? null : usdFromNanos(amount);

export function toPageBody<Row, Item>(
  page: Page<Row>,
  toItem: (row: Row) => Item,
): { data: Item[]; next_after: string | null } {
  return { data: page.rows.map(toItem), next_after: page.nextAfter };
}

/** @param text was validated by the contract: a time, or a date that means its first instant in UTC. */
export const timeFrom = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

/** For what would be over before it began. */
export function laterTimeFrom(
  text: string | undefined,
  options: { param: string; nowMs: number },
): Date | undefined {
  const at = timeFrom(text);
  if (at === undefined || at.getTime() > options.nowMs) return at;
  throw new Failure("invalid", `'${options.param}' must lie in the future.`, {
    param: options.param,
  });
}
