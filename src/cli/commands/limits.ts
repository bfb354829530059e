import * as contract from "../../contract/limits.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatTable } from "../output/format.ts";

type SetFlags = {
  readonly organization: string | undefined;
  readonly project: string | undefined;
  readonly key: string | undefined;
  readonly model: string | undefined;
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
  readonly concurrency: number | undefined;
  readonly priority: string | undefined;
  readonly none: boolean;
};

export async function setLimit(flags: SetFlags, context: CommandContext): Promise<Report> {
  const { none, priority, organization, project, key, model, ...limits } = flags;
  const isSaid = [...Object.values(limits), priority].some((one) => one !== undefined);
  if (none === isSaid) {
    throw new UsageError("say what to limit: --rpm, --tpm, --concurrency, --priority, or --none.");
  }
  const named = [organization, key, model].filter((one) => one !== undefined);
  if (named.length !== 1 || (project !== undefined && organization === undefined)) {
    throw new UsageError("give one of --organization (with --project or not), --key, or --model.");
  }
  const limit = await context.control().ask(contract.setLimit, {
    body: {
      ...{ organization, project, key, model },
      ...(none ? { rpm: null, tpm: null, concurrency: null } : limits),
      priority: priority as contract.Limit["priority"] & string,
    },
  });
  return { json: limit, text: `${sayLimit(limit)}\n` };
}

export async function listLimits(
  { scope }: { readonly scope: string | undefined },
  context: CommandContext,
): Promise<Report> {
  const query = { scope: scope as contract.Limit["scope"] | undefined };
  const { data } = await context.control().ask(contract.listLimits, { query });
  const table = formatTable(
    data,
    [
      { title: "scope", cell: (row) => row.scope },
      { title: "organization", cell: (row) => row.organization },
      { title: "name", cell: (row) => row.name },
      { title: "rpm", cell: (row) => row.rpm, align: "right" },
      { title: "tpm", cell: (row) => row.tpm, align: "right" },
      { title: "at once", cell: (row) => row.concurrency, align: "right" },
      { title: "priority", cell: (row) => row.priority },
    ],
    "Nothing is limited. Limit something with: baseload limit set",
  );
  return { json: { data }, text: table };
}

function sayLimit({ scope, name, rpm, tpm, concurrency, priority }: contract.Limit): string {
  const parts = [
    rpm === null ? undefined : `${rpm} requests per minute`,
    tpm === null ? undefined : `${tpm} tokens per minute`,
    concurrency === null ? undefined : `${concurrency} at once`,
  ].filter((part) => part !== undefined);
  const what = parts.length === 0 ? "no limits" : parts.join(", ");
  const rank = priority === null || priority === "normal" ? "" : ` Its priority is ${priority}.`;
  return `The ${scope} ${name} has ${what}.${rank}`;
}
