import * as contract from "../../contract/status.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatFacts, formatTable, formatTime } from "../output/format.ts";

export async function showStatus(context: CommandContext): Promise<Report> {
  const status = await context.control().ask(contract.readStatus, {});
  const text = [headline(status), facts(status, context), gateways(status), problems(status)];
  return {
    json: status,
    text: text.filter((part) => part.trim() !== "").join("\n"),
    refused: !status.ok,
  };
}

const headline = (status: contract.Status): string =>
  `Baseload ${status.version}: ${status.ok ? "everything works" : "something is wrong"}.\n`;

const facts = (status: contract.Status, { environment }: CommandContext): string =>
  formatFacts({
    "control plane": environment.control().url,
    database: databaseText(status.database),
    organizations: status.organizations,
    keys: status.keys,
    providers: status.providers,
    models: status.models,
  });

function databaseText(database: contract.Status["database"]): string {
  const latency = database.latency_ms === null ? "" : ` (${database.latency_ms.toFixed(1)} ms)`;
  return `${database.ok ? "ok" : "not reachable"}${latency}`;
}

/** That there is none is one of the problems. */
const gateways = (status: contract.Status): string =>
  formatTable(
    status.gateways,
    [
      { title: "gateway", cell: (row) => row.id },
      { title: "started", cell: (row) => formatTime(row.started_at) },
      { title: "health", cell: (row) => (row.ok ? "ok" : "no answer") },
    ],
    "",
  );

const problems = (status: contract.Status): string =>
  status.problems.map((problem) => `! ${problem}\n`).join("");
