/** The installation itself. */
import { type Command, defineCommand } from "../grammar/command.ts";
import type { Flags } from "../grammar/flags.ts";
import { configFields, startedByMain } from "./started-by-main.ts";

/** Flags of `up` that are no field of the configuration. */
const upSwitches = {
  "no-model": { kind: "switch", help: "host no model" },
  "no-first-call": { kind: "switch", help: "make no first call" },
} as const satisfies Flags;

export const platformCommands: readonly Command[] = [
  defineCommand({
    name: "up",
    summary: "Start everything and stay up until Ctrl-C",
    detail:
      "The first start creates an organization, a project and a key, and makes a first call. Ctrl-C drains and stops.",
    positionals: {},
    flags: {
      port: { kind: "count", value: "P", help: "port of the data plane (default 8080)" },
      "control-port": {
        kind: "count",
        value: "Q",
        help: "port of the control plane (default 8081)",
      },
      gateways: { kind: "count", help: "gateway processes (default: one per core, at least 2)" },
      ...upSwitches,
    },
    furtherFlags: configFields,
    examples: [
      "baseload up",
      "baseload up --port 9080 --control-port 9081 --gateways 4 --no-model",
    ],
    run: () => startedByMain("up"),
  }),
  defineCommand({
    name: "status",
    summary: "Say whether everything works, and what to do where it does not",
    detail: "Exit code 1 if something is wrong.",
    positionals: {},
    flags: {},
    examples: ["baseload status", "baseload status --json"],
    run: async (_, context) => (await import("../commands/status.ts")).showStatus(context),
  }),
  defineCommand({
    name: "config check",
    summary: "Check environment variables and the flags of `up` before a start",
    detail: "Prints every problem at once; exit code 1 if there is one. Nothing has to run.",
    positionals: {},
    flags: upSwitches,
    furtherFlags: configFields,
    examples: [
      "baseload config check",
      "baseload config check --port 9080 --gateways 4",
      "BASELOAD_LOG_LEVEL=loud baseload config check",
    ],
    run: async ({ further }, context) =>
      (await import("../commands/config-check.ts")).checkConfiguration(further, context),
  }),
  defineCommand({
    name: "version",
    summary: "Print the version of Baseload and of its runtime",
    positionals: {},
    flags: {},
    examples: ["baseload version"],
    run: async () => (await import("../commands/version.ts")).showVersion(),
  }),
];
