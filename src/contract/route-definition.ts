/** A route as an operator writes it, in YAML or JSON. The same shape is stored. */
import { z } from "zod";
import { capabilityNames, modalityNames } from "../lib/abilities.ts";
import { operations } from "../lib/operations.ts";
import { ModelName, ProviderName } from "./fields.ts";

/** Bounds of what one route may say: far more than a person can oversee, and quick to walk for every call. */
const TIERS_MAX = 16;
const TARGETS_MAX = 32;
const ALIASES_MAX = 32;
const LIST_MAX = 100;
const WEIGHT_MAX = 1_000_000;
const METADATA_MAX = 16;

/** Attempts of one call: as many as its events can be numbered. */
const ATTEMPTS_MAX = 16;
const AGAIN_MAX = 5;
const DAY_MS = 86_400_000;
/** Longer than any client waits for a first byte. */
const TIMEOUT_MS_MAX = 3_600_000;
const CACHE_SECONDS_MAX = 30 * 86_400;

const Word = z.string().min(1).max(200);
const oneOrMore = <T extends z.ZodType>(value: T) =>
  z.union([value, z.array(value).min(1).max(LIST_MAX)]);
const Words = oneOrMore(Word).optional();

export const Region = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,59}$/,
    "must be 1 to 60 characters of a-z, 0-9, '_' and '-', and begin with a letter or a digit",
  )
  .meta({ examples: ["eu"] });

export const Language = z
  .string()
  .regex(
    /^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*|unknown)$/,
    "must be a language of BCP 47 such as 'zh', 'yue' or 'pt-BR', or 'unknown'",
  )
  .meta({ examples: ["yue"] });

const TimeOfDay = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, "must be a time of day such as '22:00'")
  .meta({ examples: ["22:00"] });

const TimeWindow = z
  .strictObject({
    zone: z.string().min(1).max(60).optional().meta({ description: "UTC when left out" }),
    days: z
      .array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))
      .min(1)
      .max(7)
      .optional(),
    from: TimeOfDay.optional(),
    to: TimeOfDay.optional(),
  })
  .meta({ description: "A window that ends before it begins goes over midnight" });

const Tokens = z.int().min(0).max(1_000_000_000);

const conditionFields = {
  model: oneOrMore(ModelName)
    .optional()
    .meta({ description: "The name that the client called: the route's own, or an alias" }),
  operation: oneOrMore(z.enum(operations)).optional(),
  task: Words.meta({ description: "The header `x-baseload-task`" }),
  metadata: z
    .record(Word, oneOrMore(z.string().max(1_000)))
    .refine(
      (pairs) => Object.keys(pairs).length <= METADATA_MAX,
      `must have at most ${METADATA_MAX} pairs`,
    )
    .optional()
    .meta({ description: "`*` holds for any value" }),
  key: Words.meta({ description: "Ids of keys" }),
  project: Words,
  organization: Words,
  time: TimeWindow.optional(),
  input_tokens: z
    .strictObject({ min: Tokens.optional(), max: Tokens.optional() })
    .optional()
    .meta({ description: "As we count them; both bounds are included" }),
  language: oneOrMore(Language).optional().meta({
    description: "Detected from the last message; `unknown` where it is too short to tell",
  }),
  modality: oneOrMore(z.enum(modalityNames))
    .optional()
    .meta({ description: "What the call needs a model to read beside text" }),
  capability: oneOrMore(z.enum(capabilityNames))
    .optional()
    .meta({ description: "What the call needs a model to be able to do" }),
  stream: z.boolean().optional(),
};

/**
 * Conditions stand in one another three deep: written out level by level, so that a hostile body cannot make the check
 * itself run out of stack.
 */
const Innermost = z.strictObject(conditionFields).meta({ id: "RouteConditionInnermost" });
const Inner = conditionOf(Innermost).meta({ id: "RouteConditionInner" });
const Condition = conditionOf(Inner).meta({
  id: "RouteCondition",
  description: "All that is given must hold; of a list, one",
});

function conditionOf<T extends z.ZodType>(part: T) {
  const parts = z.array(part).min(1).max(LIST_MAX).optional();
  return z.strictObject({ ...conditionFields, all: parts, any: parts, not: part.optional() });
}

const Strategy = z
  .enum(["ordered", "weighted", "lowest-latency", "lowest-cost", "least-busy", "prefix-affinity"])
  .meta({ id: "RouteStrategy", description: "How the candidates of a tier are ordered" });

const Target = z.strictObject({
  model: ModelName,
  provider: ProviderName.optional().meta({ description: "Default: all that serve the model" }),
  region: Region.optional().meta({ description: "`eu` means `eu-west-1` too. Default: all" }),
  weight: z
    .number()
    .min(0)
    .max(WEIGHT_MAX)
    .optional()
    .meta({ description: "For `weighted`; 0: only after the others. Default: 1" }),
  when: Condition.optional(),
});

const Tier = z.strictObject({
  name: z.string().trim().min(1).max(60),
  strategy: Strategy.optional(),
  when: Condition.optional(),
  targets: z.array(Target).min(1).max(TARGETS_MAX),
});

const Again = z.int().min(0).max(AGAIN_MAX).optional();

export const RouteDefinition = z
  .strictObject({
    aliases: z
      .array(ModelName)
      .max(ALIASES_MAX)
      .optional()
      .meta({ description: "Further names by which clients call the same route" }),
    strategy: Strategy.optional().meta({
      description: "Of tiers that name none. Default: `ordered`",
    }),
    tiers: z.array(Tier).min(1).max(TIERS_MAX).meta({ description: "Tried in this order" }),
    retry: z
      .strictObject({
        attempts: z.int().min(1).max(ATTEMPTS_MAX).optional(),
        again: z
          .strictObject({ rate_limited: Again, overloaded: Again, timeout: Again, upstream: Again })
          .optional()
          .meta({ description: "How often the same candidate is asked again, by what went wrong" }),
        backoff_ms: z.int().min(1).max(60_000).optional(),
        backoff_max_ms: z.int().min(1).max(600_000).optional(),
      })
      .optional(),
    hedge: z
      .strictObject({
        after_ms: z.int().min(1).max(DAY_MS),
        budget_percent: z.int().min(1).max(100).optional(),
      })
      .optional()
      .meta({
        description: "Ask the next candidate too when nothing has come for a while; both are paid",
      }),
    timeout_ms: z
      .int()
      .min(1)
      .max(TIMEOUT_MS_MAX)
      .optional()
      .meta({ description: "Until the first byte of an answer" }),
    cache: z
      .strictObject({ ttl_seconds: z.int().min(1).max(CACHE_SECONDS_MAX) })
      .optional()
      .meta({ description: "Keep answers of calls that repeat exactly, within an organization" }),
  })
  .meta({ id: "RouteDefinition" });
export type RouteDefinition = z.infer<typeof RouteDefinition>;
