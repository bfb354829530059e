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
    allow_private: z.boolean(),
    quirks: z.record(z.string(), z.unknown()),
    created_at: Time,
    removed_at: Time.nullable(),
  })
  .meta({ id: "Provider" });
export type Provider = z.infer<typeof Provider>;

const ProviderParams = z.strictObject({ name: ProviderName });

export const createProvider = defineOperation({
  id: "provider.create",
  method: "post",
  path: "/providers",
  summary: "Connect a provider",
  body: z.strictObject({
    name: ProviderName,
    dialect: Dialect.default("openai-chat"),
    base_url: z
      .url({
        protocol: /^https?$/,
        error: "must be an http or https URL such as https://api.example.com/v1",
      })
      .max(2_000),
    api_key: z
      .string()
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: "Kept sealed; never shown again" }),
    region: z.string().min(1).max(60).optional(),
    allow_private: z
      .boolean()
      .default(false)
      .meta({ description: "Allow an address on this machine or in a private network" }),
    quirks: z
      .record(z.string().max(60), z.unknown())
      .default({})
      .meta({ description: "Named switches of the dialect" }),
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
  summary: "Ask the provider for its models with the stored credential, once, now",
  params: ProviderParams,
  answer: ProviderTest,
  status: 200,
});
