/** Batches and files of clients, as an operator sees them. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { pageFlags } from "./shared-flags.ts";

const ofOrganization = {
  kind: "text",
  value: "ORGANIZATION",
  help: "only those of this organization",
} as const;

const batchPositional = { BATCH_ID: { help: "id of the batch: batch_…", required: true } } as const;

export const batchCommands: readonly Command[] = [
  defineCommand({
    name: "batch list",
    summary: "List batches, newest first",
    positionals: {},
    flags: { organization: ofOrganization, ...pageFlags },
    examples: ["baseload batch list", "baseload batch list --organization acme --json"],
    run: async ({ flags }, context) =>
      (await import("../commands/batches.ts")).listBatches(flags, context),
  }),
  defineCommand({
    name: "batch show",
    summary: "Show a batch: how far it has come, and what is wrong with it",
    positionals: batchPositional,
    flags: {},
    examples: ["baseload batch show batch_019f0a46c1e77d2a9b1f3c5d7e9f1a20"],
    run: async ({ words }, context) =>
      (await import("../commands/batches.ts")).showBatch(words.BATCH_ID, context),
  }),
  defineCommand({
    name: "batch cancel",
    summary: "Cancel a batch",
    detail:
      "What is under way is finished and paid; nothing more is sent. Results so far stay with the client.",
    positionals: batchPositional,
    flags: {},
    examples: ["baseload batch cancel batch_019f0a46c1e77d2a9b1f3c5d7e9f1a20"],
    run: async ({ words }, context) =>
      (await import("../commands/batches.ts")).cancelBatch(words.BATCH_ID, context),
  }),
  defineCommand({
    name: "file list",
    summary: "List files, newest first, with the room that they take",
    positionals: {},
    flags: { organization: ofOrganization, ...pageFlags },
    examples: ["baseload file list", "baseload file list --organization acme"],
    run: async ({ flags }, context) =>
      (await import("../commands/files.ts")).listFiles(flags, context),
  }),
];
