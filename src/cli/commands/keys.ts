import * as contract from "../../contract/keys.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatTable, formatTime, formatUsd } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

type NewKeyFlags = {
  readonly organization: string;
  readonly project: string;
  readonly name: string;
  readonly mode: string | undefined;
  readonly "budget-usd": string | undefined;
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
  readonly "expires-at": string | undefined;
};

const KEEP_IT = "Keep it now: it is not stored and cannot be shown again.";

export async function createKey(flags: NewKeyFlags, context: CommandContext): Promise<Report> {
  const key = await context.control().ask(contract.createKey, {
    body: {
      organization: flags.organization,
      project: flags.project,
      name: flags.name,
      mode: flags.mode === "test" ? "test" : "live",
      budget_usd: flags["budget-usd"],
      rpm: flags.rpm,
      tpm: flags.tpm,
      expires_at: flags["expires-at"],
    },
  });
  return {
    json: key,
    text: `${key.key}\n\nThis is the ${key.mode} key ${key.id} (${key.name}) of ${key.organization} / ${key.project}.\n${KEEP_IT}\n`,
  };
}

export async function listKeys(
  flags: PageFlags & {
    readonly organization: string | undefined;
    readonly project: string | undefined;
  },
  context: CommandContext,
): Promise<Report> {
  const answer = await context.control().ask(contract.listKeys, { query: flags });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id },
      { title: "organization", cell: (row) => row.organization },
      { title: "project", cell: (row) => row.project },
      { title: "name", cell: (row) => row.name },
      { title: "mode", cell: (row) => row.mode },
      {
        title: "budget",
        cell: (row) => row.budget_usd && formatUsd(row.budget_usd),
        align: "right",
      },
      { title: "rpm", cell: (row) => row.rpm, align: "right" },
      { title: "tpm", cell: (row) => row.tpm, align: "right" },
      { title: "expires", cell: (row) => formatTime(row.expires_at) },
      { title: "revoked", cell: (row) => formatTime(row.revoked_at) },
    ],
    "No keys. Create one with: baseload key create",
  );
  return { json: answer, text: table + morePages(answer) };
}

export async function revokeKey(id: string, context: CommandContext): Promise<Report> {
  const key = await context.control().ask(contract.revokeKey, { params: { id } });
  return {
    json: key,
    text: `Key ${key.id} (${key.name}) is revoked since ${formatTime(key.revoked_at)}.\n`,
  };
}

export async function rotateKey(
  flags: { readonly id: string; readonly "grace-seconds": number | undefined },
  context: CommandContext,
): Promise<Report> {
  const grace = flags["grace-seconds"] ?? 0;
  const key = await context.control().ask(contract.rotateKey, {
    params: { id: flags.id },
    body: { grace_seconds: grace },
  });
  const old =
    grace === 0 ? `${flags.id} no longer works.` : `${flags.id} still works for ${grace} seconds.`;
  return {
    json: key,
    text: `${key.key}\n\nThis is the key ${key.id}; it replaces ${flags.id}. ${old}\n${KEEP_IT}\n`,
  };
}
