import * as contract from "../../contract/credits.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatTime, formatUsd } from "../output/format.ts";

type NewCredit = {
  readonly organization: string;
  readonly usd: string;
  readonly "expires-at": string | undefined;
  readonly note: string | undefined;
  readonly "idempotency-key": string | undefined;
};

export async function addCredit(flags: NewCredit, context: CommandContext): Promise<Report> {
  const credit = await context.control().ask(contract.addCredit, {
    body: {
      organization: flags.organization,
      usd: flags.usd,
      expires_at: flags["expires-at"],
      note: flags.note,
      idempotency_key: flags["idempotency-key"],
    },
  });
  const until = credit.expires_at === null ? "" : `, until ${formatTime(credit.expires_at)}`;
  return {
    json: credit,
    text: `${formatUsd(credit.usd)} of credit added to ${credit.organization}${until} (credit ${credit.id}, transfer ${credit.transfer_id}).\n`,
  };
}
