/** What a model costs, as versions that are never changed: a new price begins where the last one ends. */
import { z } from "zod";
import {
  Id,
  ModelName,
  PageQuery,
  ProviderName,
  pageOf,
  Time,
  TimeInput,
  TokenCount,
  UpstreamModelName,
  Usd,
  UsdInput,
} from "./fields.ts";
import { defineOperation } from "./operation.ts";

/** The parts of a price. Dollars per million tokens, unless the name says otherwise. */
export const priceFields = {
  input_usd_per_mtok: "Text that goes in",
  output_usd_per_mtok: "Text that comes out",
  cached_input_usd_per_mtok: "Input read from the provider's cache. Default: as input",
  cache_write_usd_per_mtok: "Input written to the provider's cache. Default: as input",
  cache_write_1h_usd_per_mtok: "The same, kept for an hour. Default: as a cache write",
  reasoning_usd_per_mtok: "Reasoning. Default: as output",
  audio_input_usd_per_mtok: "Audio that goes in. Default: as input",
  audio_output_usd_per_mtok: "Audio that comes out. Default: as output",
  image_input_usd_per_mtok: "Images that go in. Default: as input",
  image_output_usd_per_mtok: "Images that come out. Default: as output",
  image_usd: "Dollars for each image that is made. Default: no price",
  usd_per_audio_second: "Dollars for a begun second of speech. Default: no price",
  usd_per_mcharacter: "Dollars for a million characters that are spoken. Default: no price",
  usd_per_search: "Dollars for a search that is billed apart. Default: no price",
  request_usd: "Dollars for each request. Default: 0",
  cache_hit_usd: "Dollars for an answer from our own cache. Default: 0",
} as const;

export type PriceField = keyof typeof priceFields;
export const priceFieldNames = Object.keys(priceFields) as PriceField[];

const eachField = <Schema extends z.ZodType>(schemaOf: (description: string) => Schema) =>
  Object.fromEntries(
    priceFieldNames.map((field) => [field, schemaOf(priceFields[field])]),
  ) as Record<PriceField, Schema>;

/** Prices have one tier at most in published lists. */
const CONTEXT_TIERS_MAX = 8;

const partInputs = eachField((description) => UsdInput.optional().meta({ description }));

const tierInputs = {
  ...partInputs,
  context_tiers: z
    .array(z.strictObject({ above_input_tokens: TokenCount, ...partInputs }))
    .max(CONTEXT_TIERS_MAX)
    .optional()
    .meta({
      description:
        "Above so many input tokens the whole call costs this. What is left out costs as it does below.",
    }),
};

const SpecialTierInput = z.strictObject(tierInputs).optional();

/** A price as it is given. What has no price of its own, and no default, is refused to callers. */
export const priceInputs = {
  ...tierInputs,
  service_tiers: z
    .strictObject({ batch: SpecialTierInput, flex: SpecialTierInput, priority: SpecialTierInput })
    .optional()
    .meta({
      description:
        "Prices of other service tiers, each complete in itself. Alone, they are set beside the price in force.",
    }),
};

const partOutputs = eachField((description) =>
  Usd.nullable().meta({
    description: `${description.replace(/\. Default.*/, "")}. Null: no price`,
  }),
);

const tierOutputs = {
  ...partOutputs,
  context_tiers: z.array(z.object({ above_input_tokens: TokenCount, ...partOutputs })),
};

const SpecialTier = z.object(tierOutputs).optional();

export const Price = z
  .object({
    id: Id.meta({ description: "The price version, as named in receipts" }),
    model: z.string(),
    provider: z
      .string()
      .nullable()
      .meta({ description: "Null: what callers pay. Otherwise what this provider charges us" }),
    upstream_model: z.string().nullable(),
    source: z.string().meta({
      description: "`operator`, or the list that it was taken from, with its version",
      examples: ["operator"],
    }),
    valid_from: Time,
    valid_to: Time.nullable().meta({ description: "Null: until a newer version begins" }),
    ...tierOutputs,
    service_tiers: z.object({ batch: SpecialTier, flex: SpecialTier, priority: SpecialTier }),
  })
  .meta({ id: "Price" });
export type Price = z.infer<typeof Price>;
/** One tier of it. */
export type TierPrice = Pick<Price, PriceField | "context_tiers">;

export const setPrice = defineOperation({
  id: "price.set",
  method: "post",
  path: "/prices",
  summary: "Add a price version of a model, from now or from a later time",
  body: z.strictObject({
    model: ModelName,
    provider: ProviderName.optional().meta({
      description: "Then it is what this provider charges us, and no price of callers",
    }),
    upstream: UpstreamModelName.optional(),
    from_list: z.boolean().optional().meta({
      description: "The price that the maintained list knows; imports keep it up to date",
    }),
    ...priceInputs,
    valid_from: TimeInput.optional().meta({
      description: "Default: now. Must not lie in the past.",
    }),
  }),
  answer: Price,
  status: 201,
});

export const listPrices = defineOperation({
  id: "price.list",
  method: "get",
  path: "/prices",
  summary: "List price versions, newest first, of all models unless narrowed",
  query: PageQuery.extend({ model: ModelName.optional() }),
  answer: pageOf(Price),
  status: 200,
});

export const ImportedPrice = z
  .object({
    model: z.string(),
    provider: z.string(),
    upstream_model: z.string(),
    of: z.enum(["callers", "provider"]).meta({
      description: "What callers pay, or what the provider charges us",
    }),
    state: z.enum(["changed", "unchanged", "own", "unpriced", "unknown"]).meta({
      description:
        "own: an operator has set it. unpriced: it has no price in force. unknown: the list has none",
    }),
    list_provider: z.string().nullable(),
    list_model: z.string().nullable(),
    valid_from: z.array(Time).meta({ description: "When each added version begins" }),
    notes: z.array(z.string()),
  })
  .meta({ id: "ImportedPrice" });
export type ImportedPrice = z.infer<typeof ImportedPrice>;

export const importPrices = defineOperation({
  id: "price.import",
  method: "post",
  path: "/prices/import",
  summary: "Bring prices that came from the maintained list up to date, as new versions",
  body: z.strictObject({
    provider: ProviderName.optional(),
    costs: z
      .boolean()
      .default(false)
      .meta({ description: "Record what providers charge us, too: routes by cost go by it" }),
    dry_run: z.boolean().default(false).meta({ description: "Only say what would be added" }),
  }),
  answer: z.object({ source: z.string(), data: z.array(ImportedPrice) }),
  status: 200,
});
