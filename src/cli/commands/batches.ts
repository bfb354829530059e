import * as contract from "../../contract/batches.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatCount, formatFacts, formatTable, formatTime } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

export async function listBatches(
  flags: PageFlags & { readonly organization: string | undefined },
  context: CommandContext,
): Promise<Report> {
  const answer = await context.control().ask(contract.listBatches, { query: flags });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id },
      { title: "organization", cell: (row) => row.organization },
      { title: "project", cell: (row) => row.project },
      { title: "status", cell: (row) => row.status },
      { title: "lines", cell: (row) => row.total, align: "right" },
      { title: "answered", cell: (row) => row.completed, align: "right" },
      { title: "refused", cell: (row) => row.failed, align: "right" },
      { title: "created", cell: (row) => formatTime(row.created_at) },
    ],
    "No batches yet. Clients create them: POST /v1/batches on the data plane.",
  );
  return { json: answer, text: table + morePages(answer) };
}

export async function showBatch(id: string, context: CommandContext): Promise<Report> {
  const batch = await context.control().ask(contract.showBatch, { params: { id } });
  return { json: batch, text: sayBatch(batch) };
}

export async function cancelBatch(id: string, context: CommandContext): Promise<Report> {
  const batch = await context.control().ask(contract.cancelBatch, { params: { id } });
  return { json: batch, text: sayBatch(batch) };
}

/** Problems shown; the others are in `--json`. */
const PROBLEMS_SHOWN = 10;

function sayBatch(batch: contract.Batch): string {
  const facts = formatFacts({
    batch: batch.id,
    organization: `${batch.organization} / ${batch.project}`,
    key: batch.key_id,
    endpoint: batch.endpoint,
    status: batch.status,
    progress: sayProgress(batch),
    created: formatTime(batch.created_at),
    ended: formatTime(batch.ended_at),
    expires: formatTime(batch.expires_at),
    input: batch.input_file_id,
    output: batch.output_file_id,
    errors: batch.error_file_id,
  });
  const problems = batch.errors
    .slice(0, PROBLEMS_SHOWN)
    .map(({ line, message }) => `${line === null ? "the file" : `line ${line}`}: ${message}\n`);
  const more = batch.errors.length - problems.length;
  return [
    facts,
    ...(problems.length === 0 ? [] : ["\n", ...problems]),
    ...(more <= 0 ? [] : [`${more} more: see --json.\n`]),
  ].join("");
}

const BAR_CHARS = 20;

/** `[########············] 41 %, 20,512 of 50,000 lines (3 refused)` */
function sayProgress({ total, completed, failed }: contract.Batch): string | undefined {
  if (total === 0) return undefined;
  const done = completed + failed;
  const filled = Math.floor((BAR_CHARS * done) / total);
  const bar = "#".repeat(filled).padEnd(BAR_CHARS, "·");
  const percent = Math.floor((100 * done) / total);
  const refused = failed === 0 ? "" : ` (${formatCount(failed)} refused)`;
  return `[${bar}] ${percent} %, ${formatCount(done)} of ${formatCount(total)} lines${refused}`;
}
