/** Prices: what callers pay, and what providers charge. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { priceFileFlag, priceFlags } from "./price-flags.ts";
import { pageFlags } from "./shared-flags.ts";

const modelPositional = { MODEL: { help: "name of the model", required: true } } as const;

export const priceCommands: readonly Command[] = [
  defineCommand({
    name: "price set",
    summary: "Add a price version of a model, from now or from a later time",
    detail:
      "Versions are never changed: what was called before keeps the price it had. A version says all that a model costs; only service tiers, given alone, are set beside the price in force.",
    positionals: modelPositional,
    flags: {
      ...priceFlags,
      file: priceFileFlag,
      "from-list": {
        kind: "switch",
        help: "take the price that the maintained list knows, and let imports keep it up to date",
      },
      provider: {
        kind: "text",
        value: "PROVIDER",
        help: "it is what this provider charges us, and no price of callers",
      },
      upstream: {
        kind: "text",
        value: "NAME",
        help: "under this name, where the provider serves the model under several",
      },
      "valid-from": { kind: "time", help: "when it begins (default: now)" },
    },
    examples: [
      "baseload price set gpt-5-mini --input-usd-per-mtok 0.25 --cached-input-usd-per-mtok 0.025 --output-usd-per-mtok 2",
      "baseload price set gpt-5-mini --batch-input-usd-per-mtok 0.125 --batch-output-usd-per-mtok 1",
      "baseload price set chat --input-usd-per-mtok 0.04 --output-usd-per-mtok 0.08 --valid-from 2031-01-01",
      "baseload price set long-reader --file price.yaml",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/prices.ts")).setPrice({ ...flags, model: words.MODEL }, context),
  }),
  defineCommand({
    name: "price show",
    summary: "Show all that a model costs now, and what is announced",
    positionals: modelPositional,
    flags: {},
    examples: ["baseload price show gpt-5-mini"],
    run: async ({ words }, context) =>
      (await import("../commands/prices.ts")).showPrice(words.MODEL, context),
  }),
  defineCommand({
    name: "price list",
    summary: "List price versions, newest first",
    positionals: { MODEL: { help: "only prices of this model" } },
    flags: pageFlags,
    examples: ["baseload price list", "baseload price list gpt-5-mini"],
    run: async ({ words, flags }, context) =>
      (await import("../commands/prices.ts")).listPrices({ ...flags, model: words.MODEL }, context),
  }),
  defineCommand({
    name: "price import",
    summary: "Bring prices that came from the maintained list up to date",
    detail:
      "New versions begin now, or on the day that the list announces. What an operator has set is never touched.",
    positionals: {},
    flags: {
      provider: { kind: "text", value: "PROVIDER", help: "only models that it serves first" },
      costs: {
        kind: "switch",
        help: "record what providers charge us, too: routes by cost go by it",
      },
      "dry-run": { kind: "switch", help: "only show what would be added" },
    },
    examples: [
      "baseload price import --dry-run",
      "baseload price import --provider openai",
      "baseload price import --costs --json",
    ],
    run: async ({ flags }, context) =>
      (await import("../commands/prices.ts")).importPrices(flags, context),
  }),
];
