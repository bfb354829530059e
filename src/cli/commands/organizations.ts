import * as contract from "../../contract/organizations.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatTable, formatTime } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

export async function createOrganization(name: string, context: CommandContext): Promise<Report> {
  const organization = await context.control().ask(contract.createOrganization, { body: { name } });
  return {
    json: organization,
    text: `Organization ${organization.name} created; its wallet is empty. Add credit with: baseload credit add\n`,
  };
}

export async function setOrganization(
  flags: {
    readonly name: string;
    readonly region: readonly string[];
    readonly "any-region": boolean;
  },
  context: CommandContext,
): Promise<Report> {
  const { name, region, "any-region": isAnywhere } = flags;
  if (isAnywhere === region.length > 0) {
    throw new UsageError("give one or more --region REGION, or --any-region.");
  }
  const organization = await context.control().ask(contract.setOrganization, {
    params: { name },
    body: { regions: isAnywhere ? null : [...region] },
  });
  const where =
    organization.regions === null ? "anywhere" : `only to ${organization.regions.join(", ")}`;
  const warnings = organization.warnings.map((warning) => `Warning: ${warning}\n`).join("");
  return {
    json: organization,
    text: `Calls of ${organization.name} may go ${where}.\n${warnings}`,
  };
}

export async function listOrganizations(page: PageFlags, context: CommandContext): Promise<Report> {
  const answer = await context.control().ask(contract.listOrganizations, { query: page });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id, align: "right" },
      { title: "name", cell: (row) => row.name },
      { title: "regions", cell: (row) => row.regions?.join(", ") ?? "anywhere" },
      { title: "created", cell: (row) => formatTime(row.created_at) },
    ],
    "No organizations yet. Create one with: baseload org create NAME",
  );
  return { json: answer, text: table + morePages(answer) };
}
