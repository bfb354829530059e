/** A route says what stands behind a name that clients call. Its versions are never changed. */
import { z } from "zod";
import { operations } from "../lib/operations.ts";
import { ModelName, Name, PageQuery, pageOf, Time, TimeInput, Usd } from "./fields.ts";
import { defineOperation } from "./operation.ts";
import { Language, Region, RouteDefinition } from "./route-definition.ts";

const Version = z.int().min(1);

export const Route = z
  .object({
    name: z.string(),
    version: Version,
    current_version: Version.nullable().meta({ description: "Null: the route is removed" }),
    definition: RouteDefinition,
    restores: Version.nullable().meta({
      description: "The earlier version that this one brought back",
    }),
    actor: z.string(),
    created_at: Time,
  })
  .meta({ id: "Route" });
export type Route = z.infer<typeof Route>;

const RouteParams = z.strictObject({ name: ModelName });

export const setRoute = defineOperation({
  id: "route.set",
  method: "post",
  path: "/routes/{name}/versions",
  summary: "Add a version of a route and put it in force",
  params: RouteParams,
  body: z.strictObject({ definition: RouteDefinition }),
  answer: Route,
  status: 201,
});

export const listRoutes = defineOperation({
  id: "route.list",
  method: "get",
  path: "/routes",
  summary: "List routes in force, oldest first",
  query: PageQuery,
  answer: pageOf(Route),
  status: 200,
});

export const showRoute = defineOperation({
  id: "route.show",
  method: "get",
  path: "/routes/{name}",
  summary: "Show the version of a route that is in force, or another",
  params: RouteParams,
  query: z.strictObject({ version: z.coerce.number().int().min(1).optional() }),
  answer: Route,
  status: 200,
});

export const listRouteVersions = defineOperation({
  id: "route.history",
  method: "get",
  path: "/routes/{name}/versions",
  summary: "List the versions of a route, newest first, those of a removed one too",
  params: RouteParams,
  query: PageQuery,
  answer: pageOf(Route),
  status: 200,
});

export const undoRoute = defineOperation({
  id: "route.undo",
  method: "post",
  path: "/routes/{name}/undo",
  summary: "Bring back what a route said before, as a new version",
  params: RouteParams,
  body: z.strictObject({
    to: Version.optional().meta({ description: "Default: the version before the one in force" }),
  }),
  answer: Route,
  status: 201,
});

export const removeRoute = defineOperation({
  id: "route.remove",
  method: "delete",
  path: "/routes/{name}",
  summary: "Take a route out of force; its versions stay",
  params: RouteParams,
  answer: Route,
  status: 200,
});

const PlannedCandidate = z.object({
  model: z.string(),
  provider: z.string(),
  region: z.string().nullable(),
  tier: z.string(),
  why: z.string().meta({ description: "Why it stands where it stands" }),
  is_last_resort: z.boolean().meta({
    description: "It failed too often of late, and is asked when all others have failed",
  }),
  cost_bound_usd: Usd.meta({ description: "The most that the call can cost the customer here" }),
});

const LeftOut = z.object({
  tier: z.string(),
  target: z.string(),
  reason: z.string(),
  why: z.string(),
});

export const Explanation = z
  .object({
    model: z.string(),
    /** Null: the model has no route of its own. */
    route: z.object({ name: z.string(), version: z.int().min(0) }).nullable(),
    language: z.string().nullable().meta({ description: "Detected or given; null: not asked for" }),
    input_tokens: z.int(),
    candidates: z.array(PlannedCandidate).meta({ description: "Tried in this order" }),
    left_out: z.array(LeftOut),
    cost_bound_usd: Usd.nullable().meta({
      description:
        "What a call holds before it begins: the most over all candidates. Null: it is refused",
    }),
    refusal: z.string().nullable().meta({ description: "What the client would be told" }),
    health: z.enum(["live", "unknown"]).meta({
      description: "`live`: a gateway was asked; `unknown`: all candidates are taken for well",
    }),
    policy: z.object({
      attempts: z.int(),
      hedge_after_ms: z.int().nullable(),
      timeout_ms: z.int().nullable(),
      cache_ttl_seconds: z.int().nullable(),
    }),
  })
  .meta({ id: "RouteExplanation" });
export type Explanation = z.infer<typeof Explanation>;

const TOKENS_MAX = 1_000_000_000;

export const explainRoute = defineOperation({
  id: "route.explain",
  method: "post",
  path: "/route-explanations",
  summary: "Plan a call without making it: who would be asked, why, and what it could cost",
  body: z.strictObject({
    model: ModelName.meta({ description: "The name that the client would call" }),
    definition: RouteDefinition.optional().meta({
      description: "Plan with this one instead, without setting it",
    }),
    organization: Name.optional(),
    project: Name.optional(),
    key: z.string().min(1).max(60).optional().meta({ description: "The key's id" }),
    regions: z.array(Region).min(1).max(100).optional().meta({
      description: "Default: those of the organization",
    }),
    operation: z.enum(operations).default("chat"),
    metadata: z.record(z.string().max(200), z.string().max(1_000)).default({}),
    task: z.string().min(1).max(200).optional(),
    language: Language.optional(),
    text: z.string().max(100_000).optional().meta({
      description: "The last message; its language is detected and its tokens are counted",
    }),
    input_tokens: z.int().min(0).max(TOKENS_MAX).optional(),
    max_output_tokens: z.int().min(1).max(TOKENS_MAX).optional(),
    stream: z.boolean().default(false),
    capabilities: z.array(z.string().max(60)).max(20).default([]),
    modalities: z.array(z.string().max(60)).max(20).default([]),
    at: TimeInput.optional().meta({ description: "Default: now" }),
    seed: z.int().min(0).max(4_294_967_295).optional().meta({
      description: "Of chance; the same seed draws the same plan",
    }),
  }),
  answer: Explanation,
  status: 200,
});
