/** How much may be called: by an organization, a project or a key, and of a model. */
import { z } from "zod";
import { ModelName, Name, RateLimit } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const LimitScope = z.enum(["organization", "project", "key", "model"]);

const Priority = z.enum(["high", "normal", "low"]).meta({
  description: "Of keys: who goes first where a model has more callers than room",
});

export const Limit = z
  .object({
    scope: LimitScope,
    organization: z.string().nullable().meta({ description: "Of projects and keys" }),
    name: z.string().meta({ description: "Of keys: the id" }),
    rpm: RateLimit.nullable().meta({ description: "Requests per minute; null: no limit" }),
    tpm: RateLimit.nullable().meta({ description: "Tokens per minute; null: no limit" }),
    concurrency: RateLimit.nullable().meta({ description: "Calls at once; null: no limit" }),
    priority: Priority.nullable(),
  })
  .meta({ id: "Limit" });
export type Limit = z.infer<typeof Limit>;

export const setLimit = defineOperation({
  id: "limit.set",
  method: "post",
  path: "/limits",
  summary: "Limit what an organization, a project or a key may call, or a model be called",
  body: z
    .strictObject({
      organization: Name.optional(),
      project: Name.optional().meta({ description: "Of the organization" }),
      key: z.string().min(1).max(64).optional().meta({ description: "Id of a key" }),
      model: ModelName.optional(),
      rpm: RateLimit.nullable().optional().meta({ description: "Left out: stays. Null: no limit" }),
      tpm: RateLimit.nullable().optional(),
      concurrency: RateLimit.nullable().optional(),
      priority: Priority.optional(),
    })
    .refine(
      ({ organization, project, key, model }) =>
        [organization, key, model].filter((one) => one !== undefined).length === 1 &&
        (project === undefined || organization !== undefined),
      "name one of organization, organization with project, key, or model",
    ),
  answer: Limit,
  status: 200,
});

export const listLimits = defineOperation({
  id: "limit.list",
  method: "get",
  path: "/limits",
  summary: "List everything that is limited",
  query: z.strictObject({ scope: LimitScope.optional() }),
  answer: z.object({ data: z.array(Limit) }).meta({ id: "LimitList" }),
  status: 200,
});
