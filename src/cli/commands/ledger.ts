import * as contract from "../../contract/ledger.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatCount } from "../output/format.ts";

export async function checkLedger(context: CommandContext): Promise<Report> {
  const check = await context.control().ask(contract.checkLedger, {});
  const seen = `${formatCount(check.transfers)} transfers, ${formatCount(check.entries)} entries`;
  return {
    json: check,
    text: check.ok ? `The ledger adds up: ${seen}.\n` : refusal(check, seen),
    refused: !check.ok,
  };
}

function refusal(check: contract.LedgerCheck, seen: string): string {
  const [first = "the control plane named no difference", ...others] = check.problems;
  const more = others.length === 0 ? "" : `${others.length} more: see --json.\n`;
  return `The ledger does not add up (${seen}). First difference:\n${first}\n${more}`;
}
