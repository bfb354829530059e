/** The request log, and organizations of which nothing is kept. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { organizationFlag, pageFlags } from "./shared-flags.ts";

export const requestLogCommands: readonly Command[] = [
  defineCommand({
    name: "request-log set",
    summary: "Choose what is logged of an organization's calls",
    detail:
      "From the next call on. What was asked and answered is redacted, sealed, and deleted when its days are over. --sample and --days stay when they are left out; redaction is on unless --no-redaction says otherwise.",
    positionals: {},
    flags: {
      organization: organizationFlag,
      off: { kind: "switch", help: "nothing" },
      metadata: { kind: "switch", help: "who called what, who answered, and how it ended" },
      full: { kind: "switch", help: "that, and what was asked and answered" },
      sample: { kind: "text", value: "SHARE", help: "share of the calls, from 0 to 1" },
      days: { kind: "count", help: "how long a logged call stays, at most 365" },
      "no-redaction": { kind: "switch", help: "leave credentials and personal data in" },
    },
    examples: [
      "baseload request-log set --organization acme --metadata",
      "baseload request-log set --organization acme --full --sample 0.05 --days 7",
      "baseload request-log set --organization acme --off",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/request-log.ts")).setRequestLog(flags, context),
  }),
  defineCommand({
    name: "request-log zero-retention",
    summary: "Keep nothing of what is said in an organization's calls",
    detail:
      "Wins over everything else: no request log, no response cache, no stored responses and conversations, no files and batches. What its log has is deleted within a minute.",
    positionals: {},
    flags: {
      organization: organizationFlag,
      on: { kind: "switch", help: "keep nothing" },
      off: { kind: "switch", help: "allow it again" },
    },
    examples: [
      "baseload request-log zero-retention --organization acme --on",
      "baseload request-log zero-retention --organization acme --off",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/request-log.ts")).setZeroRetention(flags, context),
  }),
  defineCommand({
    name: "request-log list",
    summary: "List logged calls of an organization, newest first",
    positionals: {},
    flags: {
      organization: organizationFlag,
      from: { kind: "time", help: "first instant" },
      to: { kind: "time", help: "first instant after" },
      status: { kind: "count", value: "STATUS", help: "only calls answered with this HTTP status" },
      ...pageFlags,
    },
    examples: [
      "baseload request-log list --organization acme",
      "baseload request-log list --organization acme --from 2026-11-22 --status 429",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/request-log.ts")).listRequestLog(flags, context),
  }),
  defineCommand({
    name: "request-log show",
    summary: "Show a logged call with what was asked and answered",
    detail: "Who reads what was said is written into the audit log.",
    positionals: { REQUEST_ID: { help: "x-request-id of the call", required: true } },
    flags: {},
    examples: ["baseload request-log show 0193f0a4-6c1e-7d2a-9b1f-3c5d7e9f1a20"],
    run: async ({ words }, context) =>
      (await import("../commands/request-log.ts")).showLoggedCall(words.REQUEST_ID, context),
  }),
  defineCommand({
    name: "request-log purge",
    summary: "Delete all logged calls of an organization",
    positionals: {},
    flags: { organization: organizationFlag },
    examples: ["baseload request-log purge --organization acme"],
    run: async ({ flags }, context) =>
      (await import("../commands/request-log.ts")).purgeRequestLog(flags, context),
  }),
];
