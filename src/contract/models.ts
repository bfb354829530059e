/** A model is what callers name; a deployment is that model as one provider serves it. */
import { z } from "zod";
import { capabilityNames, modalityNames } from "../lib/abilities.ts";
import {
  Id,
  ModelName,
  PageQuery,
  ProviderName,
  pageOf,
  Time,
  TokenCount,
  UpstreamModelName,
} from "./fields.ts";
import { defineOperation } from "./operation.ts";
import { Price, priceInputs } from "./prices.ts";

export const Deployment = z
  .object({
    id: Id,
    provider: z.string(),
    upstream_model: z.string().meta({ description: "The provider's own name of the model" }),
  })
  .meta({ id: "Deployment" });

export const Model = z
  .object({
    id: Id,
    name: z.string(),
    context_tokens: TokenCount.nullable(),
    max_output_tokens: TokenCount.nullable(),
    capabilities: z.array(z.string()).nullable(),
    modalities: z.array(z.string()).nullable(),
    license: z.string().nullable(),
    // Null: calls are refused until a price is set. A union, because OpenAPI cannot mark a reference as nullable.
    price: z.union([Price, z.null()]),
    deployments: z.array(Deployment).meta({ description: "Tried in this order" }),
    created_at: Time,
    removed_at: Time.nullable(),
  })
  .meta({ id: "Model" });
export type Model = z.infer<typeof Model>;

const UpstreamModel = UpstreamModelName.optional().meta({
  description: "The provider's own name of the model. Default: the same name",
});

const Capabilities = z
  .array(z.enum(capabilityNames))
  .max(capabilityNames.length)
  .meta({ description: "What it can do beside text. Unknown when left out: then it is tried" });

const Modalities = z
  .array(z.enum(modalityNames))
  .max(modalityNames.length)
  .meta({ description: "What it can read beside text. Unknown when left out: then it is tried" });

const License = z.string().min(1).max(200);

const ModelParams = z.strictObject({ name: ModelName });

export const createModel = defineOperation({
  id: "model.create",
  method: "post",
  path: "/models",
  summary:
    "Offer a model that a provider serves, at the price given, or the one that the maintained list knows",
  body: z.strictObject({
    name: ModelName,
    provider: ProviderName,
    upstream: UpstreamModel,
    ...priceInputs,
    listed_as: UpstreamModelName.optional().meta({
      description: "The name by which the list knows the model. Default: as upstream",
    }),
    without_price: z
      .boolean()
      .optional()
      .meta({ description: "Calls are refused until a price is set" }),
    context_tokens: TokenCount.optional(),
    max_output_tokens: TokenCount.optional(),
    capabilities: Capabilities.optional(),
    modalities: Modalities.optional(),
    license: License.optional(),
  }),
  answer: Model.extend({
    notes: z.array(z.string()).meta({ description: "What the list says that its price does not" }),
  }),
  status: 201,
});

export const setModel = defineOperation({
  id: "model.set",
  method: "post",
  path: "/models/{name}",
  summary: "Change what is known of a model; what is left out stays as it is",
  params: ModelParams,
  body: z.strictObject({
    context_tokens: TokenCount.nullable().optional(),
    max_output_tokens: TokenCount.nullable().optional(),
    capabilities: Capabilities.nullable().optional(),
    modalities: Modalities.nullable().optional(),
    license: License.nullable().optional(),
  }),
  answer: Model,
  status: 200,
});

export const addDeployment = defineOperation({
  id: "model.deploy",
  method: "post",
  path: "/models/{name}/deployments",
  summary: "Let another provider serve the model too; it is tried after those already there",
  params: ModelParams,
  body: z.strictObject({ provider: ProviderName, upstream: UpstreamModel }),
  answer: Model,
  status: 201,
});

export const listModels = defineOperation({
  id: "model.list",
  method: "get",
  path: "/models",
  summary: "List offered models by name",
  query: PageQuery,
  answer: pageOf(Model),
  status: 200,
});

export const removeModel = defineOperation({
  id: "model.remove",
  method: "delete",
  path: "/models/{name}",
  summary: "Stop offering a model; its prices and usage stay on record",
  params: ModelParams,
  answer: Model,
  status: 200,
});
