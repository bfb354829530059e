import * as contract from "../../contract/calls.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatCount, formatFacts, formatTable, formatTime, formatUsd } from "../output/format.ts";

export async function showCall(requestId: string, context: CommandContext): Promise<Report> {
  const call = await context
    .control()
    .ask(contract.readCall, { params: { request_id: requestId } });
  return { json: call, text: [totals(call), attempts(call), parts(call)].join("\n") };
}

const totals = (call: contract.Call): string =>
  formatFacts({
    call: call.request_id,
    "paid by": `${call.organization} / ${call.project} / ${call.key_id}`,
    model: call.model,
    input: `${formatCount(call.input_tokens)} tokens, ${formatCount(call.cached_input_tokens)} of them cached`,
    output: `${formatCount(call.output_tokens)} tokens`,
    cost: formatUsd(call.cost_usd),
    charged: formatUsd(call.charge_usd),
    "balance left": formatUsd(call.balance_usd),
  });

const attempts = (call: contract.Call): string =>
  formatTable(
    call.attempts,
    [
      { title: "attempt", cell: (row) => row.attempt, align: "right" },
      { title: "provider", cell: (row) => row.provider },
      { title: "model there", cell: (row) => row.upstream_model },
      { title: "started", cell: (row) => formatTime(row.started_at) },
      { title: "outcome", cell: (row) => row.outcome },
      { title: "usage from", cell: (row) => row.usage_source },
      { title: "price", cell: (row) => row.price_version_id, align: "right" },
      { title: "service tier", cell: (row) => row.service_tier },
      { title: "cost", cell: (row) => formatUsd(row.cost_usd), align: "right" },
      { title: "charged", cell: (row) => formatUsd(row.charge_usd), align: "right" },
      { title: "ledger transfer", cell: (row) => row.transfer_id },
    ],
    "No attempt was made.",
  );

/** The disjoint parts that were priced: what makes the cost recomputable by hand. */
const parts = (call: contract.Call): string =>
  formatTable(
    call.attempts.flatMap(({ attempt, quantities }) =>
      Object.entries(quantities).map(([quantity, units]) => ({ attempt, quantity, units })),
    ),
    [
      { title: "attempt", cell: (row) => row.attempt, align: "right" },
      { title: "quantity", cell: (row) => row.quantity.replaceAll("_", " ") },
      { title: "units", cell: (row) => row.units, align: "right" },
    ],
    "Nothing was measured.",
  );
