import * as contract from "../../contract/caches.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";

export async function setCache(
  flags: {
    readonly organization: string;
    readonly "ttl-seconds": number | undefined;
    readonly off: boolean;
  },
  context: CommandContext,
): Promise<Report> {
  const { organization: name, "ttl-seconds": ttl, off } = flags;
  if (off === (ttl !== undefined)) throw new UsageError("give --ttl-seconds N, or --off.");
  const cache = await context
    .control()
    .ask(contract.setCache, { params: { name }, body: { ttl_seconds: ttl ?? null } });
  const text =
    cache.ttl_seconds === null
      ? `Answers of ${name} are not given again.\n`
      : `Answers of ${name} are given again for ${cache.ttl_seconds} seconds.\n`;
  return { json: cache, text };
}

export async function clearCache(
  { organization: name }: { readonly organization: string },
  context: CommandContext,
): Promise<Report> {
  const cache = await context.control().ask(contract.clearCache, { params: { name } });
  return { json: cache, text: `All kept answers of ${name} are forgotten.\n` };
}
