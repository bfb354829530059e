/** Credit, wallets, usage and the ledger. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { organizationFlag } from "./shared-flags.ts";

export const moneyCommands: readonly Command[] = [
  defineCommand({
    name: "credit add",
    summary: "Add credit to an organization's wallet",
    positionals: {},
    flags: {
      organization: organizationFlag,
      usd: { kind: "usd", help: "dollars to add", required: true },
      "expires-at": { kind: "time", help: "when what is left of it expires (default: never)" },
      note: { kind: "text", help: "why it was added" },
      "idempotency-key": {
        kind: "text",
        value: "KEY",
        help: "the same key adds the same credit once, however often it is sent",
      },
    },
    examples: [
      "baseload credit add --organization acme --usd 100",
      "baseload credit add --organization acme --usd 25 --expires-at 2031-01-01 --note 'welcome'",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/credits.ts")).addCredit(flags, context),
  }),
  defineCommand({
    name: "wallet",
    summary: "Show what an organization may still spend, and its budgets",
    positionals: {},
    flags: { organization: organizationFlag },
    examples: ["baseload wallet --organization acme"],
    run: async ({ flags }, context) =>
      (await import("../commands/wallet.ts")).showWallet(flags.organization, context),
  }),
  defineCommand({
    name: "usage",
    summary: "Show what an organization used and what it cost",
    detail: "Calls appear as soon as they are posted to the ledger.",
    positionals: {},
    flags: {
      organization: organizationFlag,
      from: { kind: "time", help: "first instant (default: the beginning)" },
      to: { kind: "time", help: "first instant after (default: now)" },
      "group-by": {
        kind: "text",
        choices: ["model", "project", "key", "day"],
        help: "rows by (default: model)",
      },
    },
    examples: [
      "baseload usage --organization acme",
      "baseload usage --organization acme --from 2030-01-01 --to 2030-02-01 --group-by day",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/usage.ts")).showUsage(flags, context),
  }),
  defineCommand({
    name: "ledger check",
    summary: "Derive every balance again and report differences",
    detail: "Exit code 1 if the ledger does not add up.",
    positionals: {},
    flags: {},
    examples: ["baseload ledger check", "baseload ledger check --json"],
    run: async (_, context) => (await import("../commands/ledger.ts")).checkLedger(context),
  }),
];
