import * as contract from "../../contract/providers.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatTable } from "../output/format.ts";
import { readApiKey } from "./providers.ts";

type NewCredential = {
  readonly provider: string;
  readonly name: string;
  readonly "api-key-env": string;
  readonly weight: string | undefined;
};

export async function addCredential(
  flags: NewCredential,
  context: CommandContext,
): Promise<Report> {
  const api_key = readApiKey(flags["api-key-env"], context) ?? "";
  const credential = await context.control().ask(contract.addCredential, {
    params: { name: flags.provider },
    body: { name: flags.name, api_key, weight: readWeight(flags.weight) },
  });
  return {
    json: credential,
    text: `The provider ${flags.provider} has the credential ${credential.name}. Try it with: baseload provider test ${flags.provider} --credential ${credential.name}\n`,
  };
}

/** Zero is a weight, too: that of a spare. */
function readWeight(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,4}$/.test(text) && Number(text) <= 1_000) return Number(text);
  throw new UsageError("--weight takes a whole number from 0 to 1000.");
}

export async function listCredentials(provider: string, context: CommandContext): Promise<Report> {
  const answer = await context
    .control()
    .ask(contract.listCredentials, { params: { name: provider } });
  const table = formatTable(
    answer.data,
    [
      { title: "name", cell: (row) => row.name },
      { title: "weight", cell: (row) => (row.weight === 0 ? "spare" : row.weight), align: "right" },
      { title: "added", cell: (row) => row.created_at },
    ],
    `No credentials yet. Add one with: baseload provider credential add ${provider}`,
  );
  return { json: answer, text: table };
}

export async function removeCredential(
  flags: { readonly provider: string; readonly name: string },
  context: CommandContext,
): Promise<Report> {
  const credential = await context.control().ask(contract.removeCredential, {
    params: { name: flags.provider, credential: flags.name },
  });
  return {
    json: credential,
    text: `The credential ${credential.name} of ${flags.provider} is erased.\n`,
  };
}
