/** Numbers in a provider's usage. */
import type { Quantities, QuantityName } from "../../lib/quantities.ts";
import { isRecord } from "../dialects/openai-chat/wire.ts";

/** A count beyond this is no count, but an error of the provider. */
const COUNT_MAX = 1_000_000_000_000;

/** Begun units count as whole ones; undefined for everything that cannot be a count. */
export function countIn(value: unknown): number | undefined {
  if (typeof value !== "number" || !(value >= 0) || value > COUNT_MAX) return undefined;
  return Math.ceil(value);
}

export const recordIn = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

/** Without what is zero or unknown. */
export function quantitiesOf(
  counts: Readonly<Partial<Record<QuantityName, number | undefined>>>,
): Quantities {
  const known = Object.entries(counts).filter(([, count]) => count !== undefined && count > 0);
  return Object.fromEntries(known);
}

/** The rest of a total, and its parts cut to what the total leaves: a sum never exceeds what the provider said. */
export function shareOut(
  total: number,
  parts: Readonly<Partial<Record<QuantityName, number | undefined>>>,
): { parts: Quantities; rest: number } {
  let rest = total;
  const cut: Partial<Record<QuantityName, number>> = {};
  for (const [name, wanted] of Object.entries(parts)) {
    const given = Math.min(wanted ?? 0, rest);
    if (given > 0) cut[name as QuantityName] = given;
    rest -= given;
  }
  return { parts: cut, rest };
}
