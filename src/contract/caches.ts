/** The response cache: answers of calls that repeat exactly, for organizations that ask for it. */
import { z } from "zod";
import { Name } from "./fields.ts";
import { defineOperation } from "./operation.ts";

/** 30 days: what is older is asked again. */
const TTL_SECONDS_MAX = 2_592_000;

export const Cache = z
  .object({
    organization: z.string(),
    ttl_seconds: z
      .int()
      .nullable()
      .meta({ description: "How long an answer may be given again. Null: never" }),
  })
  .meta({ id: "Cache" });
export type Cache = z.infer<typeof Cache>;

const params = z.strictObject({ name: Name });

export const setCache = defineOperation({
  id: "cache.set",
  method: "post",
  path: "/organizations/{name}/cache",
  summary: "Give answers of an organization's calls again when they repeat exactly, or stop that",
  params,
  body: z.strictObject({
    ttl_seconds: z.int().min(1).max(TTL_SECONDS_MAX).nullable().meta({
      description: "Null: never, unless a route says so",
    }),
  }),
  answer: Cache,
  status: 200,
});

export const clearCache = defineOperation({
  id: "cache.clear",
  method: "post",
  path: "/organizations/{name}/cache/clear",
  summary: "Forget all kept answers of an organization, in every gateway",
  params,
  answer: Cache,
  status: 200,
});
