/** Coming from another gateway. */
import { type Command, defineCommand } from "../grammar/command.ts";

export const importCommands: readonly Command[] = [
  defineCommand({
    name: "import litellm",
    summary:
      "Take over the configuration of a LiteLLM proxy, and say of every setting what became of it",
    detail:
      "Makes providers, credentials, models, prices, limits and routes. Secrets named by os.environ/… are read from the environment of this command. Running it again changes only what differs. Exit code 1 if a setting was not taken or a step was not done; the others are done nevertheless.",
    positionals: { FILE: { help: "its config.yaml; - reads what is piped in", required: true } },
    flags: {
      "dry-run": { kind: "switch", help: "only show what would be done; needs nothing to run" },
    },
    examples: [
      "baseload import litellm config.yaml --dry-run",
      "baseload import litellm config.yaml",
      "baseload import litellm config.yaml --json",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/import-litellm.ts")).importLitellm(
        { file: words.FILE, isDryRun: flags["dry-run"] },
        context,
      ),
  }),
];
