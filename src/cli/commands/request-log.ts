import * as contract from "../../contract/request-log.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatCount, formatFacts, formatTable, formatTime } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

type OfOrganization = { readonly organization: string };

type SetFlags = OfOrganization & {
  readonly off: boolean;
  readonly metadata: boolean;
  readonly full: boolean;
  readonly sample: string | undefined;
  readonly days: number | undefined;
  readonly "no-redaction": boolean;
};

export async function setRequestLog(flags: SetFlags, context: CommandContext): Promise<Report> {
  const modes = (["off", "metadata", "full"] as const).filter((mode) => flags[mode]);
  const [mode, second] = modes;
  if (mode === undefined || second !== undefined) {
    throw new UsageError("give one of --off, --metadata, or --full.");
  }
  const retention = await context.control().ask(contract.setRequestLog, {
    params: { name: flags.organization },
    body: {
      mode,
      sample: readShare(flags.sample),
      days: flags.days,
      redaction: !flags["no-redaction"],
    },
  });
  return { json: retention, text: sayRetention(retention) };
}

function readShare(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const share = Number(text);
  if (/^(0|1|[01]?\.\d+)$/.test(text) && share <= 1) return share;
  throw new UsageError("--sample must be a share from 0 to 1, such as 0.05.");
}

export async function setZeroRetention(
  { organization: name, on, off }: OfOrganization & { readonly on: boolean; readonly off: boolean },
  context: CommandContext,
): Promise<Report> {
  if (on === off) throw new UsageError("give --on or --off.");
  const retention = await context
    .control()
    .ask(contract.setZeroRetention, { params: { name }, body: { on } });
  return { json: retention, text: sayRetention(retention) };
}

const what = {
  off: "Nothing is logged",
  metadata: "Metadata is logged",
  full: "Metadata and content are logged",
};

function sayRetention(retention: contract.Retention): string {
  const { organization, mode, sample, days, redaction } = retention;
  if (retention.zero_retention) {
    return `Nothing of what is said in calls of ${organization} is kept (zero retention).\n`;
  }
  if (mode === "off") return `${what.off} of calls of ${organization}.\n`;
  const share = sample === 1 ? "all calls" : `a share of ${sample} of the calls`;
  const redacted = mode === "metadata" || redaction ? "" : " Content is not redacted.";
  return `${what[mode]} of ${share} of ${organization}, for ${days} days.${redacted}\n`;
}

type ListFlags = OfOrganization &
  PageFlags & {
    readonly from: string | undefined;
    readonly to: string | undefined;
    readonly status: number | undefined;
  };

export async function listRequestLog(
  { organization: name, ...query }: ListFlags,
  context: CommandContext,
): Promise<Report> {
  const answer = await context.control().ask(contract.listRequestLog, { params: { name }, query });
  const table = formatTable(
    answer.data,
    [
      { title: "request", cell: (row) => row.request_id },
      { title: "at", cell: (row) => formatTime(row.at) },
      { title: "status", cell: (row) => said(row, "status"), align: "right" },
      { title: "error", cell: (row) => said(row, "error") },
      { title: "key", cell: (row) => said(row, "key") },
      { title: "called", cell: (row) => said(row, "called") },
      { title: "provider", cell: (row) => said(row, "provider") },
      { title: "ms", cell: (row) => said(row, "duration_ms"), align: "right" },
      { title: "content", cell: (row) => (row.has_content ? "yes" : undefined) },
    ],
    "No logged calls. Log some with: baseload request-log set",
  );
  return { json: answer, text: table + morePages(answer) };
}

function said({ metadata }: contract.LoggedCall, name: string): string | undefined {
  const value = metadata[name];
  return value === undefined || value === null ? undefined : String(value);
}

export async function showLoggedCall(requestId: string, context: CommandContext): Promise<Report> {
  const call = await context
    .control()
    .ask(contract.showLoggedCall, { params: { request_id: requestId } });
  const facts = formatFacts({
    request: call.request_id,
    organization: call.organization,
    at: formatTime(call.at),
    ...Object.fromEntries(
      Object.keys(call.metadata).map((name) => [name.replaceAll("_", " "), said(call, name)]),
    ),
  });
  return { json: call, text: facts + sayContent(call.content) };
}

function sayContent(content: contract.LoggedCallWithContent["content"]): string {
  if (content === null) return "\nOnly the metadata was kept.\n";
  const side = (title: string, value: unknown, isCut: boolean) =>
    `\n${title}${isCut ? " (cut)" : ""}:\n${JSON.stringify(value, null, 2)}\n`;
  return (
    side("Asked", content.request, content.request_cut) +
    side("Answered", content.response, content.response_cut)
  );
}

export async function purgeRequestLog(
  { organization: name }: OfOrganization,
  context: CommandContext,
): Promise<Report> {
  const purged = await context.control().ask(contract.purgeRequestLog, { params: { name } });
  return { json: purged, text: `${formatCount(purged.deleted)} calls of ${name} are deleted.\n` };
}
