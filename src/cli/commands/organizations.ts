import * as contract from "../../contract/organizations.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatTable, formatTime } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

export async function createOrganization(name: string, context: CommandContext): Promise<Report> {
  const organization = await context.control().ask(contract.createOrganization, { body: { name } });
  return {
    json: organization,
    text: `Organization ${organization.name} created; its wallet is empty. Add credit with: baseload credit add\n`,
  };
}

export async function listOrganizations(page: PageFlags, context: CommandContext): Promise<Report> {
  const answer = await context.control().ask(contract.listOrganizations, { query: page });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id, align: "right" },
      { title: "name", cell: (row) => row.name },
      { title: "created", cell: (row) => formatTime(row.created_at) },
    ],
    "No organizations yet. Create one with: baseload org create NAME",
  );
  return { json: answer, text: table + morePages(answer) };
}
