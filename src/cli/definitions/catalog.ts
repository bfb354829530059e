/** Providers, models and prices: what may be called. */
import { capabilityNames, modalityNames } from "../../lib/abilities.ts";
import { type Command, defineCommand } from "../grammar/command.ts";
import type { Flags } from "../grammar/flags.ts";
import { priceFileFlag, priceFlags } from "./price-flags.ts";
import { priceCommands } from "./pricing.ts";
import { providerCommands } from "./providers.ts";
import { pageFlags } from "./shared-flags.ts";

const modelPositional = { NAME: { help: "name of the model", required: true } } as const;

const providerFlag = {
  kind: "text",
  value: "PROVIDER",
  help: "the provider that serves it",
  required: true,
} as const;

const upstreamFlag = {
  kind: "text",
  value: "NAME",
  help: "the provider's own name of the model (default: the same name)",
} as const;

/** What is known of a model beside its price. */
const modelFacts = {
  "context-tokens": { kind: "count", help: "the most tokens of input and output together" },
  "max-output-tokens": { kind: "count", help: "the most tokens of one answer" },
  capability: {
    kind: "text",
    value: "CAPABILITY",
    choices: [...capabilityNames, "none", "unknown"],
    help: "what it can do; calls that need more go elsewhere (default: unknown, and tried)",
    repeats: true,
  },
  modality: {
    kind: "text",
    value: "MODALITY",
    choices: [...modalityNames, "none", "unknown"],
    help: "what it can read beside text (default: unknown, and tried)",
    repeats: true,
  },
  license: { kind: "text", value: "NAME", help: "the licence of its weights" },
} as const satisfies Flags;

const modelCommands: readonly Command[] = [
  defineCommand({
    name: "model add",
    summary: "Offer a model that a provider serves, at a price",
    detail:
      "Without a price here it costs what the maintained list of prices knows, context tiers included; imports keep that up to date. Prices of service tiers stand beside it.",
    positionals: modelPositional,
    flags: {
      provider: providerFlag,
      upstream: upstreamFlag,
      ...priceFlags,
      "price-file": priceFileFlag,
      "listed-as": {
        kind: "text",
        value: "NAME",
        help: "the name by which the list knows it, where the provider's is one's own, as at Azure",
      },
      "without-price": {
        kind: "switch",
        help: "offer it although calls are refused until a price is set",
      },
      ...modelFacts,
    },
    examples: [
      "baseload model add gpt-5-mini --provider openai",
      "baseload model add gpt-5-mini --provider openai --input-usd-per-mtok 0.25 --output-usd-per-mtok 2",
      "baseload model add chat --provider vllm --upstream qwen3-8b --input-usd-per-mtok 0.05 --output-usd-per-mtok 0.1 --max-output-tokens 8192",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/models.ts")).addModel({ ...flags, name: words.NAME }, context),
  }),
  defineCommand({
    name: "model set",
    summary: "Change what is known of a model; what is left out stays as it is",
    detail: "Its price is set with `price set`.",
    positionals: modelPositional,
    flags: modelFacts,
    examples: [
      "baseload model set gpt-5-mini --capability tools --capability structured_output --modality image",
      "baseload model set local-llama --modality none",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/models.ts")).setModel({ ...flags, name: words.NAME }, context),
  }),
  defineCommand({
    name: "model deploy",
    summary: "Let another provider serve a model too",
    detail: "It is tried after the providers already there.",
    positionals: modelPositional,
    flags: { provider: providerFlag, upstream: upstreamFlag },
    examples: ["baseload model deploy chat --provider openai --upstream gpt-5-mini"],
    run: async ({ words, flags }, context) =>
      (await import("../commands/models.ts")).deployModel({ ...flags, name: words.NAME }, context),
  }),
  defineCommand({
    name: "model list",
    summary: "List offered models with their prices",
    positionals: {},
    flags: pageFlags,
    examples: ["baseload model list", "baseload model list --json"],
    run: async ({ flags }, context) =>
      (await import("../commands/models.ts")).listModels(flags, context),
  }),
  defineCommand({
    name: "model pull",
    summary: "Download the weights of an open model to this machine",
    detail:
      "Sources are tried in order, a broken download is resumed, and the SHA-256 is checked. It is served from the next start on.",
    positionals: { NAME: { help: "name of the model (default: the one that `up` hosts)" } },
    flags: {
      source: {
        kind: "text",
        value: "SOURCE",
        help: "only from here: file:PATH, hf:OWNER/REPOSITORY:FILE.gguf or an https:// address",
      },
      sha256: {
        kind: "text",
        value: "HEX",
        help: "the digest that weights from --source must have",
      },
    },
    examples: [
      "baseload model pull",
      "baseload model pull smollm2-135m-instruct",
      "baseload model pull qwen3-0.6b --source hf:Qwen/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q8_0.gguf",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/pull/model-pull.ts")).pullWeights(
        { ...flags, name: words.NAME },
        context,
      ),
  }),
  defineCommand({
    name: "model remove",
    summary: "Stop offering a model; its prices and usage stay on record",
    positionals: modelPositional,
    flags: {},
    examples: ["baseload model remove chat"],
    run: async ({ words }, context) =>
      (await import("../commands/models.ts")).removeModel(words.NAME, context),
  }),
];

export const catalogCommands: readonly Command[] = [
  ...providerCommands,
  ...modelCommands,
  ...priceCommands,
];
