/** A key authenticates calls of one project. Its text is shown once, when it is made. */
import { z } from "zod";
import {
  Id,
  Name,
  PageQuery,
  pageOf,
  RateLimit,
  Time,
  TimeInput,
  Usd,
  UsdInput,
} from "./fields.ts";
import { defineOperation } from "./operation.ts";

/** The longest that two keys may overlap in a rotation: 30 days. */
export const ROTATION_GRACE_SECONDS_MAX = 30 * 24 * 3_600;

export const KeyMode = z
  .enum(["live", "test"])
  .meta({ description: "`test` keys reach only the sandbox and are never billed" });

export const Key = z
  .object({
    id: Id.meta({ examples: ["live8f3k2m9xq7wz"] }),
    organization: z.string(),
    project: z.string(),
    name: z.string(),
    mode: KeyMode,
    budget_usd: Usd.nullable().meta({ description: "Null: no budget of its own" }),
    rpm: RateLimit.nullable(),
    tpm: RateLimit.nullable(),
    created_at: Time,
    expires_at: Time.nullable(),
    revoked_at: Time.nullable().meta({
      description: "May lie ahead while a rotated key is in its grace",
    }),
    replaces_id: Id.nullable().meta({ description: "The key that this one replaced by rotation" }),
  })
  .meta({ id: "Key" });
export type Key = z.infer<typeof Key>;

export const NewKey = Key.extend({
  key: z
    .string()
    .meta({ description: "The key itself. It is not stored and cannot be shown again." }),
}).meta({ id: "NewKey" });
export type NewKey = z.infer<typeof NewKey>;

const KeyParams = z.strictObject({ id: z.string().min(1).max(64) });

export const createKey = defineOperation({
  id: "key.create",
  method: "post",
  path: "/keys",
  summary: "Create a key; a missing organization or project is created with it",
  body: z.strictObject({
    organization: Name,
    project: Name,
    name: Name,
    mode: KeyMode.default("live"),
    budget_usd: UsdInput.optional(),
    rpm: RateLimit.optional().meta({ description: "Requests per minute" }),
    tpm: RateLimit.optional().meta({ description: "Tokens per minute" }),
    expires_at: TimeInput.optional(),
  }),
  answer: NewKey,
  status: 201,
});

export const listKeys = defineOperation({
  id: "key.list",
  method: "get",
  path: "/keys",
  summary: "List keys, oldest first, of all organizations unless narrowed",
  query: PageQuery.extend({ organization: Name.optional(), project: Name.optional() }),
  answer: pageOf(Key),
  status: 200,
});

export const revokeKey = defineOperation({
  id: "key.revoke",
  method: "post",
  path: "/keys/{id}/revoke",
  summary: "Revoke a key now; revoking it again changes nothing",
  params: KeyParams,
  answer: Key,
  status: 200,
});

export const rotateKey = defineOperation({
  id: "key.rotate",
  method: "post",
  path: "/keys/{id}/rotate",
  summary: "Make a new key with the same settings and the same budget, and revoke the old one",
  params: KeyParams,
  body: z.strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(ROTATION_GRACE_SECONDS_MAX)
      .default(0)
      .meta({ description: "How long the old key still works" }),
  }),
  answer: NewKey,
  status: 201,
});
