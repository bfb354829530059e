import * as contract from "../../contract/projects.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatTable, formatTime, formatUsd } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

type NewProject = {
  readonly organization: string;
  readonly name: string;
  readonly "budget-usd": string | undefined;
};

export async function createProject(flags: NewProject, context: CommandContext): Promise<Report> {
  const project = await context.control().ask(contract.createProject, {
    body: { organization: flags.organization, name: flags.name, budget_usd: flags["budget-usd"] },
  });
  const budget = project.budget_usd === null ? "no budget" : formatUsd(project.budget_usd);
  return {
    json: project,
    text: `Project ${project.name} of ${project.organization} created (budget: ${budget}).\n`,
  };
}

export async function listProjects(
  flags: PageFlags & { readonly organization: string },
  context: CommandContext,
): Promise<Report> {
  const answer = await context.control().ask(contract.listProjects, { query: flags });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id, align: "right" },
      { title: "name", cell: (row) => row.name },
      {
        title: "budget",
        cell: (row) => row.budget_usd && formatUsd(row.budget_usd),
        align: "right",
      },
      { title: "created", cell: (row) => formatTime(row.created_at) },
    ],
    `${flags.organization} has no projects yet. Create one with: baseload project create NAME --organization ${flags.organization}`,
  );
  return { json: answer, text: table + morePages(answer) };
}
