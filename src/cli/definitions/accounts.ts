/** Organizations, projects and keys: who may call. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { organizationFlag, pageFlags } from "./shared-flags.ts";

const keyPositional = {
  KEY_ID: { help: "id of the key: the part between its first two underscores", required: true },
} as const;

export const accountCommands: readonly Command[] = [
  defineCommand({
    name: "org create",
    summary: "Create an organization with an empty wallet",
    positionals: { NAME: { help: "name of the organization", required: true } },
    flags: {},
    examples: ["baseload org create acme"],
    run: async ({ words }, context) =>
      (await import("../commands/organizations.ts")).createOrganization(words.NAME, context),
  }),
  defineCommand({
    name: "org set",
    summary: "Bind the calls of an organization to regions, or to none",
    detail:
      "eu means eu and all that begins with eu-. From the next call on no byte goes elsewhere, whatever a route says. `organization set` does the same.",
    positionals: { NAME: { help: "name of the organization", required: true } },
    flags: {
      region: { kind: "text", value: "REGION", help: "where its calls may go", repeats: true },
      "any-region": { kind: "switch", help: "its calls may go anywhere" },
    },
    examples: [
      "baseload org set acme --region eu --region cn-beijing",
      "baseload org set acme --any-region",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/organizations.ts")).setOrganization(
        { ...flags, name: words.NAME },
        context,
      ),
  }),
  defineCommand({
    name: "org list",
    summary: "List organizations",
    positionals: {},
    flags: pageFlags,
    examples: ["baseload org list", "baseload org list --json"],
    run: async ({ flags }, context) =>
      (await import("../commands/organizations.ts")).listOrganizations(flags, context),
  }),
  defineCommand({
    name: "project create",
    summary: "Create a project of an organization",
    positionals: { NAME: { help: "name of the project", required: true } },
    flags: {
      organization: organizationFlag,
      "budget-usd": { kind: "usd", help: "the most that all its keys together may spend" },
    },
    examples: ["baseload project create chatbot --organization acme --budget-usd 200"],
    run: async ({ words, flags }, context) =>
      (await import("../commands/projects.ts")).createProject(
        { ...flags, name: words.NAME },
        context,
      ),
  }),
  defineCommand({
    name: "project list",
    summary: "List the projects of an organization",
    positionals: {},
    flags: { organization: organizationFlag, ...pageFlags },
    examples: ["baseload project list --organization acme"],
    run: async ({ flags }, context) =>
      (await import("../commands/projects.ts")).listProjects(flags, context),
  }),
  defineCommand({
    name: "key create",
    summary: "Create a key and show it once",
    detail:
      "A missing organization or project is created with it. The key is not stored: keep it now.",
    positionals: {},
    flags: {
      organization: organizationFlag,
      project: { kind: "text", value: "PROJECT", help: "name of the project", required: true },
      name: { kind: "text", value: "NAME", help: "what the key is for", required: true },
      mode: {
        kind: "text",
        choices: ["live", "test"],
        help: "test keys reach only the sandbox and are never billed (default: live)",
      },
      "budget-usd": { kind: "usd", help: "the most that this key may spend" },
      rpm: { kind: "count", help: "requests per minute" },
      tpm: { kind: "count", help: "tokens per minute" },
      "expires-at": { kind: "time", help: "the first instant at which it no longer works" },
    },
    examples: [
      "baseload key create --organization acme --project chatbot --name laptop",
      "baseload key create --organization acme --project chatbot --name ci --mode test",
      "baseload key create --organization acme --project chatbot --name intern --budget-usd 5 --rpm 60",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/keys.ts")).createKey(flags, context),
  }),
  defineCommand({
    name: "key list",
    summary: "List keys; never their text",
    positionals: {},
    flags: {
      organization: { kind: "text", value: "ORGANIZATION", help: "only keys of this organization" },
      project: { kind: "text", value: "PROJECT", help: "only keys of this project" },
      ...pageFlags,
    },
    examples: ["baseload key list", "baseload key list --organization acme --project chatbot"],
    run: async ({ flags }, context) =>
      (await import("../commands/keys.ts")).listKeys(flags, context),
  }),
  defineCommand({
    name: "key revoke",
    summary: "Revoke a key now",
    detail: "Calls that already run are finished and paid; revoking twice changes nothing.",
    positionals: keyPositional,
    flags: {},
    examples: ["baseload key revoke live8f3k2m9xq7wz"],
    run: async ({ words }, context) =>
      (await import("../commands/keys.ts")).revokeKey(words.KEY_ID, context),
  }),
  defineCommand({
    name: "key rotate",
    summary: "Replace a key by a new one with the same settings",
    positionals: keyPositional,
    flags: {
      "grace-seconds": {
        kind: "count",
        help: "how long the old key still works, at most 2592000 (default: not at all)",
      },
    },
    examples: [
      "baseload key rotate live8f3k2m9xq7wz",
      "baseload key rotate live8f3k2m9xq7wz --grace-seconds 3600",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/keys.ts")).rotateKey({ ...flags, id: words.KEY_ID }, context),
  }),
];
