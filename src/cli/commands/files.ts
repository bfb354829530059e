import * as contract from "../../contract/files.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatBytes, formatTable, formatTime, withoutControls } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

export async function listFiles(
  flags: PageFlags & { readonly organization: string | undefined },
  context: CommandContext,
): Promise<Report> {
  const answer = await context.control().ask(contract.listFiles, { query: flags });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id },
      { title: "organization", cell: (row) => row.organization },
      { title: "project", cell: (row) => row.project },
      { title: "name", cell: (row) => withoutControls(row.name) },
      { title: "purpose", cell: (row) => row.purpose },
      { title: "size", cell: (row) => formatBytes(row.bytes), align: "right" },
      { title: "created", cell: (row) => formatTime(row.created_at) },
      { title: "expires", cell: (row) => formatTime(row.expires_at) },
    ],
    "No files yet. Clients upload them: POST /v1/files on the data plane.",
  );
  return { json: answer, text: table + morePages(answer) };
}
