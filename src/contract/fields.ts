/** Fields that several resources share. JSON is snake_case, money is a decimal string, ids are strings. */
import { z } from "zod";

/** Rows of one page: enough for a screen, few enough for one answer. */
export const PAGE_LIMIT_DEFAULT = 100;
export const PAGE_LIMIT_MAX = 1_000;

/** A display name of an organization, a project or a key; length as in the database. */
export const Name = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(120, "must have at most 120 characters")
  .refine((name) => !/\p{Cc}/u.test(name), "must not contain control characters");

export const ProviderName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    "must be 1 to 63 characters of a-z, 0-9, '.', '_' and '-', and begin with a letter or a digit",
  )
  .meta({ examples: ["local-vllm"] });

export const ModelName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$/,
    "must be 1 to 127 characters of letters, digits, '.', '_', ':', '/', '@' and '-', and begin with a letter or a digit",
  )
  .meta({ examples: ["smollm2-135m-instruct"] });

/** The provider's own name of a model. */
export const UpstreamModelName = z.string().min(1).max(200);

/** Digits are counted where the amount is read: dollars hold nine decimal places, prices more. */
export const UsdInput = z
  .string('must be a decimal string of US dollars such as "12.50", in quotes')
  .max(40, "must have at most 40 characters")
  .regex(/^\d+(\.\d+)?$/, 'must be a decimal string of US dollars such as "12.50", not negative')
  .meta({ description: "US dollars as a decimal string", examples: ["12.50"] });

export const Usd = z
  .string()
  .meta({ description: "US dollars as an exact decimal string", examples: ["12.50"] });

export const Id = z.string().meta({ examples: ["17"] });

export const TimeInput = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be a time such as "2030-12-31T00:00:00Z" or a date such as "2030-12-31" (UTC)',
  })
  .meta({ examples: ["2030-12-31T00:00:00Z"] });

export const Time = z.string().meta({
  format: "date-time",
  description: "UTC, ISO 8601",
  examples: ["2030-12-31T00:00:00.000Z"],
});

/** Requests or tokens per minute. */
export const RateLimit = z.int().min(1).max(2_147_483_647);

export const TokenCount = z.int().min(1).max(2_147_483_647);

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  after: z
    .string()
    .max(200)
    .optional()
    .meta({ description: "`next_after` of the page before; absent for the first page" }),
});

/** A list answers one page; `next_after` is null on the last one. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), next_after: z.string().nullable() });
