/** The response cache. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { organizationFlag } from "./shared-flags.ts";

export const cacheCommands: readonly Command[] = [
  defineCommand({
    name: "cache set",
    summary: "Give answers of an organization again when its calls repeat exactly",
    detail:
      "Never across organizations. A hit costs nothing unless the model's price says otherwise, and is recorded as a hit.",
    positionals: {},
    flags: {
      organization: organizationFlag,
      "ttl-seconds": { kind: "count", help: "how long an answer may be given again" },
      off: { kind: "switch", help: "never, unless a route says so" },
    },
    examples: [
      "baseload cache set --organization acme --ttl-seconds 3600",
      "baseload cache set --organization acme --off",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/caches.ts")).setCache(flags, context),
  }),
  defineCommand({
    name: "cache clear",
    summary: "Forget all kept answers of an organization",
    positionals: {},
    flags: { organization: organizationFlag },
    examples: ["baseload cache clear --organization acme"],
    run: async ({ flags }, context) =>
      (await import("../commands/caches.ts")).clearCache(flags, context),
  }),
];
