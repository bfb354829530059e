/** What a model costs, as versions that are never changed: a new price begins where the last one ends. */
import { z } from "zod";
import { Id, ModelName, PageQuery, pageOf, Time, TimeInput, Usd, UsdInput } from "./fields.ts";
import { defineOperation } from "./operation.ts";

/** Dollars per million tokens, save `request_usd`. What is left out costs as much as its parent in the comment. */
export const priceInputs = {
  input_usd_per_mtok: UsdInput,
  output_usd_per_mtok: UsdInput,
  cached_input_usd_per_mtok: UsdInput.optional().meta({ description: "Default: as input" }),
  cache_write_usd_per_mtok: UsdInput.optional().meta({ description: "Default: as input" }),
  reasoning_usd_per_mtok: UsdInput.optional().meta({ description: "Default: as output" }),
  audio_input_usd_per_mtok: UsdInput.optional().meta({ description: "Default: as input" }),
  audio_output_usd_per_mtok: UsdInput.optional().meta({ description: "Default: as output" }),
  image_input_usd_per_mtok: UsdInput.optional().meta({ description: "Default: as input" }),
  request_usd: UsdInput.optional().meta({ description: "Dollars per request. Default: 0" }),
};

export const Price = z
  .object({
    id: Id.meta({ description: "The price version, as named in receipts" }),
    model: z.string(),
    valid_from: Time,
    valid_to: Time.nullable().meta({ description: "Null: until a newer version begins" }),
    input_usd_per_mtok: Usd,
    output_usd_per_mtok: Usd,
    cached_input_usd_per_mtok: Usd,
    cache_write_usd_per_mtok: Usd,
    reasoning_usd_per_mtok: Usd,
    audio_input_usd_per_mtok: Usd,
    audio_output_usd_per_mtok: Usd,
    image_input_usd_per_mtok: Usd,
    request_usd: Usd,
  })
  .meta({ id: "Price" });
export type Price = z.infer<typeof Price>;

export const setPrice = defineOperation({
  id: "price.set",
  method: "post",
  path: "/prices",
  summary: "Add a price version of a model, from now or from a later time",
  body: z.strictObject({
    model: ModelName,
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
