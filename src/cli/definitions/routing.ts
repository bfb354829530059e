/** Routes: where calls go. */
import { capabilityNames, modalityNames } from "../../lib/abilities.ts";
import { operations } from "../../lib/operations.ts";
import { type Command, defineCommand } from "../grammar/command.ts";
import { pageFlags } from "./shared-flags.ts";

const routePositional = {
  NAME: { help: "the name that clients call", required: true },
} as const;

const fileFlag = {
  kind: "text",
  value: "FILE",
  help: "the route in YAML or JSON; - reads what is piped in",
} as const;

const explain = defineCommand({
  name: "route explain",
  summary: "Plan a call without making it: who would be asked, why, and what it could cost",
  detail:
    "Every flag describes the call. Exit code 1 if it would be refused. With --file the route in the file is tried out, and not set.",
  positionals: {},
  flags: {
    model: { kind: "text", value: "NAME", help: "the name that the client calls", required: true },
    file: fileFlag,
    organization: { kind: "text", value: "ORGANIZATION", help: "who calls; its regions hold" },
    project: { kind: "text", value: "PROJECT", help: "for conditions" },
    key: { kind: "text", value: "KEY_ID", help: "for conditions" },
    region: { kind: "text", value: "REGION", help: "instead of the organization's", repeats: true },
    operation: { kind: "text", value: "OPERATION", choices: operations, help: "default: chat" },
    metadata: { kind: "text", value: "NAME=VALUE", help: "a pair of metadata", repeats: true },
    task: { kind: "text", value: "TASK", help: "as the header x-baseload-task says it" },
    language: { kind: "text", value: "LANGUAGE", help: "such as yue, instead of a --text" },
    text: { kind: "text", help: "the last message: its language is detected" },
    "input-tokens": {
      kind: "count",
      help: "the size of the input (default: that of --text, or 1000)",
    },
    "max-output-tokens": { kind: "count", help: "the client's limit (default: the model's)" },
    needs: {
      kind: "text",
      value: "ABILITY",
      choices: [...capabilityNames, ...modalityNames],
      help: "what the call needs of a model",
      repeats: true,
    },
    stream: { kind: "switch", help: "the call streams" },
    at: { kind: "time", help: "plan as of then (default: now)" },
    seed: { kind: "count", help: "draw the same each time" },
  },
  examples: [
    "baseload route explain --model assistant",
    'baseload route explain --model assistant --text "我哋聽日去邊度食飯呀？" --organization acme',
    "baseload route explain --model assistant --file route.yaml --metadata plan=gold --input-tokens 90000 --json",
  ],
  run: async ({ flags }, context) =>
    (await import("../commands/routes.ts")).explainRoute(flags, context),
});

export const routingCommands: readonly Command[] = [
  defineCommand({
    name: "route set",
    summary: "Put a version of a route in force on all gateways",
    detail: "Versions are never changed: the one before can be brought back with `route undo`.",
    positionals: routePositional,
    flags: { file: { ...fileFlag, required: true } },
    examples: [
      "baseload route set assistant --file route.yaml",
      "baseload route set assistant --file -",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/routes.ts")).setRoute({ ...flags, name: words.NAME }, context),
  }),
  explain,
  defineCommand({
    name: "route list",
    summary: "List routes in force",
    positionals: {},
    flags: pageFlags,
    examples: ["baseload route list"],
    run: async ({ flags }, context) =>
      (await import("../commands/routes.ts")).listRoutes(flags, context),
  }),
  defineCommand({
    name: "route show",
    summary: "Show a route as YAML, ready to be changed and set again",
    positionals: routePositional,
    flags: { version: { kind: "count", help: "another version than the one in force" } },
    examples: ["baseload route show assistant", "baseload route show assistant --version 2"],
    run: async ({ words, flags }, context) =>
      (await import("../commands/routes.ts")).showRoute({ ...flags, name: words.NAME }, context),
  }),
  defineCommand({
    name: "route history",
    summary: "List the versions of a route, newest first",
    positionals: routePositional,
    flags: pageFlags,
    examples: ["baseload route history assistant"],
    run: async ({ words, flags }, context) =>
      (await import("../commands/routes.ts")).listVersions({ ...flags, name: words.NAME }, context),
  }),
  defineCommand({
    name: "route undo",
    summary: "Bring back what a route said before, as a new version",
    detail: "Undoing again goes further back. A removed route comes back as it was last.",
    positionals: routePositional,
    flags: { to: { kind: "count", help: "this version (default: the one before)" } },
    examples: ["baseload route undo assistant", "baseload route undo assistant --to 3"],
    run: async ({ words, flags }, context) =>
      (await import("../commands/routes.ts")).undoRoute({ ...flags, name: words.NAME }, context),
  }),
  defineCommand({
    name: "route remove",
    summary: "Take a route out of force; its versions stay",
    positionals: routePositional,
    flags: {},
    examples: ["baseload route remove assistant"],
    run: async ({ words }, context) =>
      (await import("../commands/routes.ts")).removeRoute(words.NAME, context),
  }),
];
