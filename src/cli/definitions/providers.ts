/** Providers and their credentials. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { pageFlags } from "./shared-flags.ts";

const providerPositional = { NAME: { help: "name of the provider", required: true } } as const;
const credentialPositionals = {
  PROVIDER: { help: "name of the provider", required: true },
  NAME: { help: "name of the credential", required: true },
} as const;

export const providerCommands: readonly Command[] = [
  defineCommand({
    name: "provider add",
    summary: "Connect a provider",
    detail:
      "Its API key is read from an environment variable, so that it stays out of the shell's history.",
    positionals: providerPositional,
    flags: {
      dialect: {
        kind: "text",
        choices: ["openai-chat", "openai-responses", "anthropic-messages", "ai-sdk"],
        help: "the wire format that it speaks (default: as the preset says)",
      },
      "base-url": {
        kind: "url",
        help: "its address, with /v1 where it has one (default: as the preset says)",
      },
      preset: {
        kind: "text",
        value: "PRESET",
        help: "a provider that is known beforehand (default: that of this name, without --base-url)",
      },
      "api-key-env": {
        kind: "text",
        value: "VAR",
        help: "environment variable that holds its API key",
      },
      region: {
        kind: "text",
        value: "REGION",
        help: "where it runs; with a preset, which of its addresses is taken",
      },
      "allow-private": {
        kind: "switch",
        help: "allow an address on this machine or in a private network",
      },
      quirks: {
        kind: "text",
        value: "NAME[=VALUE],…",
        help: "switches of the dialect, such as usage_lookup; or all of them as a JSON object",
      },
    },
    examples: [
      "baseload provider add openai --api-key-env OPENAI_API_KEY",
      "baseload provider add qwen --preset alibaba --region cn-beijing --api-key-env DASHSCOPE_API_KEY",
      "baseload provider add vllm --dialect openai-chat --base-url http://10.0.0.7:8000/v1 --allow-private",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/providers.ts")).addProvider(
        { ...flags, name: words.NAME },
        context,
      ),
  }),
  defineCommand({
    name: "provider presets",
    summary: "List the providers that are known beforehand",
    detail: "`--json` has their addresses and quirks, too.",
    positionals: {},
    flags: {},
    examples: ["baseload provider presets"],
    run: async (_, context) => (await import("../commands/providers.ts")).listPresets(context),
  }),
  defineCommand({
    name: "provider list",
    summary: "List connected providers",
    positionals: {},
    flags: pageFlags,
    examples: ["baseload provider list"],
    run: async ({ flags }, context) =>
      (await import("../commands/providers.ts")).listProviders(flags, context),
  }),
  defineCommand({
    name: "provider test",
    summary: "Ask a provider for its models, once, now",
    detail: "Exit code 1 if it does not answer as it should.",
    positionals: providerPositional,
    flags: {
      credential: { kind: "text", value: "NAME", help: "which one to use (default: the first)" },
    },
    examples: [
      "baseload provider test openai",
      "baseload provider test openai --credential second-account",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/providers.ts")).testProvider(
        { ...flags, name: words.NAME },
        context,
      ),
  }),
  defineCommand({
    name: "provider remove",
    summary: "Remove a provider that serves no model any more",
    positionals: providerPositional,
    flags: {},
    examples: ["baseload provider remove vllm"],
    run: async ({ words }, context) =>
      (await import("../commands/providers.ts")).removeProvider(words.NAME, context),
  }),
  defineCommand({
    name: "provider credential add",
    summary: "Give a provider another credential",
    detail:
      "Calls are spread over all of them; one that is refused or limited rests while the others go on.",
    positionals: credentialPositionals,
    flags: {
      "api-key-env": {
        kind: "text",
        value: "VAR",
        help: "environment variable that holds the API key",
        required: true,
      },
      weight: {
        kind: "text",
        value: "N",
        help: "its share of the calls, beside the others (default 1); 0: a spare, for when they fail",
      },
    },
    examples: [
      "baseload provider credential add openai second-account --api-key-env OPENAI_API_KEY_2",
      "baseload provider credential add openai spare --api-key-env OPENAI_API_KEY_3 --weight 0",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/provider-credentials.ts")).addCredential(
        { ...flags, provider: words.PROVIDER, name: words.NAME },
        context,
      ),
  }),
  defineCommand({
    name: "provider credential list",
    summary: "List a provider's credentials by name; they themselves are never shown",
    positionals: { PROVIDER: credentialPositionals.PROVIDER },
    flags: {},
    examples: ["baseload provider credential list openai"],
    run: async ({ words }, context) =>
      (await import("../commands/provider-credentials.ts")).listCredentials(
        words.PROVIDER,
        context,
      ),
  }),
  defineCommand({
    name: "provider credential remove",
    summary: "Erase a credential; calls under way end as they are",
    positionals: credentialPositionals,
    flags: {},
    examples: ["baseload provider credential remove openai default"],
    run: async ({ words }, context) =>
      (await import("../commands/provider-credentials.ts")).removeCredential(
        { provider: words.PROVIDER, name: words.NAME },
        context,
      ),
  }),
];
