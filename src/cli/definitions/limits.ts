/** Limits: how much may be called. */
import { type Command, defineCommand } from "../grammar/command.ts";

const amount = (help: string) => ({ kind: "count", help }) as const;

export const limitCommands: readonly Command[] = [
  defineCommand({
    name: "limit set",
    summary: "Limit what may be called: by an organization, a project or a key, or of a model",
    detail:
      "What is left out stays as it is; --none takes all limits away. Limits hold over all gateway processes of a machine, from the next call on.",
    positionals: {},
    flags: {
      organization: { kind: "text", value: "ORGANIZATION", help: "all its calls together" },
      project: { kind: "text", value: "PROJECT", help: "of the organization" },
      key: { kind: "text", value: "KEY_ID", help: "id of a key" },
      model: { kind: "text", value: "MODEL", help: "all calls of it, whoever makes them" },
      rpm: amount("requests per minute"),
      tpm: amount("tokens per minute"),
      concurrency: amount("calls at once"),
      priority: {
        kind: "text",
        choices: ["high", "normal", "low"],
        help: "of a key: who goes first where a model has more callers than room",
      },
      none: { kind: "switch", help: "no limits any more" },
    },
    examples: [
      "baseload limit set --organization acme --rpm 600 --concurrency 50",
      "baseload limit set --organization acme --project chatbot --tpm 100000",
      "baseload limit set --key live8f3k2m9xq7wz --priority high",
      "baseload limit set --model qwen3-8b --concurrency 8",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/limits.ts")).setLimit(flags, context),
  }),
  defineCommand({
    name: "limit list",
    summary: "List everything that is limited",
    positionals: {},
    flags: {
      scope: {
        kind: "text",
        choices: ["organization", "project", "key", "model"],
        help: "only limits of these",
      },
    },
    examples: ["baseload limit list", "baseload limit list --scope model --json"],
    run: async ({ flags }, context) =>
      (await import("../commands/limits.ts")).listLimits(flags, context),
  }),
];
