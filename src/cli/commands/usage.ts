import * as contract from "../../contract/usage.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatTable, formatUsd } from "../output/format.ts";

type UsageFlags = {
  readonly organization: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly "group-by": string | undefined;
};

export async function showUsage(flags: UsageFlags, context: CommandContext): Promise<Report> {
  const groupBy = contract.UsageGroup.parse(flags["group-by"] ?? "model");
  const report = await context.control().ask(contract.readUsage, {
    query: {
      organization: flags.organization,
      from: flags.from,
      to: flags.to,
      group_by: groupBy,
    },
  });
  const table = formatTable(
    report.calls === 0 ? [] : [...report.rows, { group: "total", ...report }],
    [
      { title: groupBy, cell: (row) => row.group },
      { title: "calls", cell: (row) => row.calls, align: "right" },
      { title: "input", cell: (row) => row.input_tokens, align: "right" },
      { title: "cached", cell: (row) => row.cached_input_tokens, align: "right" },
      { title: "output", cell: (row) => row.output_tokens, align: "right" },
      { title: "cost", cell: (row) => formatUsd(row.cost_usd), align: "right" },
    ],
    `${flags.organization} made no calls in this time.`,
  );
  return { json: report, text: table };
}
