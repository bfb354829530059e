import type { Quantities } from "../../../lib/quantities.ts";

/** OpenAI's `usage` as disjoint quantities, whose sum is the provider's total; undefined when it is none. */
export function readUsage(wire: unknown): Quantities | undefined {
  throw new Error(`to come: ${String(wire)}`);
}
