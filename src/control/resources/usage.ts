import * as contract from "../../contract/usage.ts";
import { findOrganization } from "../../domains/identity/index.ts";
import { readUsage, type UsageRow } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { picos, usdFromPicos } from "../../lib/money.ts";
import { type Quantities, quantityNames } from "../../lib/quantities.ts";
import { type Route, route } from "../route.ts";
import { timeFrom } from "../to-wire.ts";

export const usageRoutes: readonly Route[] = [
  route(contract.readUsage, async (control, { query }) => {
    const [from, to] = [timeFrom(query.from), timeFrom(query.to)];
    if (from !== undefined && to !== undefined && from >= to) {
      throw new Failure("invalid", "'to' must be later than 'from'.", { param: "to" });
    }
    const { organizationId } = await findOrganization(control.database, query.organization);
    const rows = await readUsage(control.database, {
      organizationId,
      ...(from && { from }),
      ...(to && { to }),
      groupBy: query.group_by,
    });
    return {
      ...toTotals(sum(rows)),
      rows: rows.map((row) => ({ group: row.group, ...toTotals(row) })),
    };
  }),
];

type Totals = Omit<UsageRow, "group">;

const nothing: Totals = {
  calls: 0n,
  inputTokens: 0n,
  cachedInputTokens: 0n,
  outputTokens: 0n,
  quantities: {},
  cost: picos(0n),
};

const sum = (rows: readonly UsageRow[]): Totals =>
  rows.reduce<Totals>(
    (total, row) => ({
      calls: total.calls + row.calls,
      inputTokens: total.inputTokens + row.inputTokens,
      cachedInputTokens: total.cachedInputTokens + row.cachedInputTokens,
      outputTokens: total.outputTokens + row.outputTokens,
      quantities: addUp(total.quantities, row.quantities),
      cost: picos(total.cost + row.cost),
    }),
    nothing,
  );

const addUp = (a: Quantities, b: Quantities): Quantities =>
  Object.fromEntries(
    quantityNames
      .map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)] as const)
      .filter(([, units]) => units > 0),
  );

/** Counts stay far below 2^53; money does not become a number. */
const toTotals = (totals: Totals) => ({
  calls: Number(totals.calls),
  input_tokens: Number(totals.inputTokens),
  cached_input_tokens: Number(totals.cachedInputTokens),
  output_tokens: Number(totals.outputTokens),
  quantities: totals.quantities,
  cost_usd: usdFromPicos(totals.cost),
});
