/** A provider is an upstream that serves models: its address, dialect and credential. */
import { z } from "zod";
import { Id, PageQuery, ProviderName, pageOf, Time } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const Dialect = z
  .enum(["openai-chat", "openai-responses", "anthropic-messages", "ai-sdk"])
  .meta({ description: "The wire format that the provider speaks" });

export const Provider = z
  .object({
    id: Id,
    name: z.string(),
    dialect: z.string(),
    base_url: z.string(),
    region: z.string().nullable(),
    has_credential: z.boolean().meta({ description: "The credential itself is never shown" }),
    credentials: z.array(z.string()).meta({ description: "Names, in the order they were added" }),
    allow_private: z.boolean(),
    quirks: z.record(z.string(), z.unknown()),
    created_at: Time,
    removed_at: Time.nullable(),
  })
  .meta({ id: "Provider" });
export type Provider = z.infer<typeof Provider>;

const CredentialName = ProviderName.meta({ examples: ["second-account"] });

const ApiKey = z
  .string()
  .min(1)
  // A cloud's account is a JSON document with a private key.
  .max(10_000)
  .meta({ description: "Kept sealed; never shown again" });

const ProviderParams = z.strictObject({ name: ProviderName });

export const createProvider = defineOperation({
  id: "provider.create",
  method: "post",
  path: "/providers",
  summary: "Connect a provider",
  body: z.strictObject({
    name: ProviderName,
    preset: ProviderName.optional().meta({
      description:
        "A provider that is known beforehand (see /provider-presets). Default: that of this name, when no base_url is given",
      examples: ["openai"],
    }),
    dialect: Dialect.optional().meta({ description: "Default: the preset's, or openai-chat" }),
    base_url: z
      .url({
        protocol: /^https?$/,
        error: "must be an http or https URL such as https://api.example.com/v1",
      })
      .max(2_000)
      .optional()
      .meta({ description: "Default: the preset's, in the region that is asked for" }),
    api_key: ApiKey.optional(),
    region: z.string().min(1).max(60).optional(),
    allow_private: z
      .boolean()
      .default(false)
      .meta({ description: "Allow an address on this machine or in a private network" }),
    quirks: z
      .record(z.string().max(60), z.unknown())
      .default({})
      .meta({ description: "Named switches of the dialect, beside those of the preset" }),
    replace: z.boolean().default(false).meta({
      description:
        "Give a provider of this name these settings, all of them; its models stay. A credential that is left out is erased",
    }),
  }),
  answer: Provider,
  status: 201,
});

export const listProviders = defineOperation({
  id: "provider.list",
  method: "get",
  path: "/providers",
  summary: "List connected providers, oldest first",
  query: PageQuery,
  answer: pageOf(Provider),
  status: 200,
});

export const removeProvider = defineOperation({
  id: "provider.remove",
  method: "delete",
  path: "/providers/{name}",
  summary: "Remove a provider that serves no model any more",
  params: ProviderParams,
  answer: Provider,
  status: 200,
});

export const ProviderTest = z
  .object({
    name: z.string(),
    ok: z.boolean(),
    status: z
      .int()
      .nullable()
      .meta({ description: "HTTP status of the answer; null if there was none" }),
    latency_ms: z.number().nullable(),
    reason: z.string().meta({ description: "What happened, and what to do if it is not ok" }),
    models: z.array(z.string()).meta({ description: "Models the provider lists, at most 100" }),
  })
  .meta({ id: "ProviderTest" });
export type ProviderTest = z.infer<typeof ProviderTest>;

export const testProvider = defineOperation({
  id: "provider.test",
  method: "post",
  path: "/providers/{name}/test",
  summary: "Ask the provider for its models with a stored credential, once, now",
  params: ProviderParams,
  body: z.strictObject({
    credential: CredentialName.optional().meta({ description: "Default: the first one" }),
  }),
  answer: ProviderTest,
  status: 200,
});

export const ProviderCredential = z
  .object({
    id: Id,
    name: z.string(),
    weight: z.int(),
    created_at: Time,
    removed_at: Time.nullable(),
  })
  .meta({ id: "ProviderCredential" });
export type ProviderCredential = z.infer<typeof ProviderCredential>;

export const addCredential = defineOperation({
  id: "provider.credential.add",
  method: "post",
  path: "/providers/{name}/credentials",
  summary: "Give a provider another credential; calls are spread over all of them",
  params: ProviderParams,
  body: z.strictObject({
    name: CredentialName,
    api_key: ApiKey,
    weight: z.int().min(0).max(1_000).default(1).meta({
      description: "Its share of the calls, beside the others; 0: a spare, for when they fail",
    }),
  }),
  answer: ProviderCredential,
  status: 201,
});

export const listCredentials = defineOperation({
  id: "provider.credential.list",
  method: "get",
  path: "/providers/{name}/credentials",
  summary: "List a provider's credentials, oldest first",
  params: ProviderParams,
  answer: z.object({ data: z.array(ProviderCredential) }),
  status: 200,
});

export const removeCredential = defineOperation({
  id: "provider.credential.remove",
  method: "delete",
  path: "/providers/{name}/credentials/{credential}",
  summary: "Erase a credential; calls under way end as they are",
  params: ProviderParams.extend({ credential: CredentialName }),
  answer: ProviderCredential,
  status: 200,
});

const PresetRegion = z.object({
  region: z
    .string()
    .nullable()
    .meta({
      description: "`{region}`: any; null: wherever the operator runs it",
      examples: ["eu"],
    }),
  base_url: z.string().meta({
    description: "`{region}`, `{project}` and `{resource}` stand for what the operator says",
  }),
});

export const ProviderPreset = z
  .object({
    name: z.string(),
    title: z.string(),
    dialect: z.string(),
    regions: z.array(PresetRegion).meta({ description: "The first is the default" }),
    key_variable: z.string().nullable().meta({
      description: "The environment variable in which its key usually is; null: it asks for none",
    }),
    operations: z.array(z.string()),
    quirks: z.record(z.string(), z.unknown()),
    prices: z.string().nullable().meta({
      description: "Its id in the list that prices come from; null: prices have to be said",
    }),
    docs: z.string(),
  })
  .meta({ id: "ProviderPreset" });
export type ProviderPreset = z.infer<typeof ProviderPreset>;

export const listPresets = defineOperation({
  id: "provider.presets",
  method: "get",
  path: "/provider-presets",
  summary: "List the providers that are known beforehand",
  answer: z.object({ data: z.array(ProviderPreset) }),
  status: 200,
});
