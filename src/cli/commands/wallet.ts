import * as contract from "../../contract/wallets.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatFacts, formatTable, formatUsd } from "../output/format.ts";

export async function showWallet(organization: string, context: CommandContext): Promise<Report> {
  const wallet = await context.control().ask(contract.readWallet, { query: { organization } });
  return { json: wallet, text: `${wallet.organization}\n${moneyOf(wallet)}${budgetsOf(wallet)}` };
}

const moneyOf = (wallet: contract.Wallet): string =>
  formatFacts(
    {
      "  balance": formatUsd(wallet.balance_usd),
      "  held": formatUsd(wallet.held_usd),
      "  leased": formatUsd(wallet.leased_usd),
      "  spent": formatUsd(wallet.spent_usd),
      "  expired": formatUsd(wallet.expired_usd),
      "  granted": formatUsd(wallet.granted_usd),
    },
    "right",
  );

function budgetsOf(wallet: contract.Wallet): string {
  if (wallet.budgets.length === 0) return "";
  const table = formatTable(
    wallet.budgets,
    [
      { title: "budget of", cell: (row) => `${row.scope} ${row.name}` },
      { title: "project", cell: (row) => row.project },
      { title: "key", cell: (row) => row.key_id },
      { title: "balance", cell: (row) => formatUsd(row.balance_usd), align: "right" },
      { title: "leased", cell: (row) => formatUsd(row.leased_usd), align: "right" },
      { title: "spent", cell: (row) => formatUsd(row.spent_usd), align: "right" },
      { title: "limit", cell: (row) => formatUsd(row.granted_usd), align: "right" },
    ],
    "",
  );
  return `\n${table}`;
}
