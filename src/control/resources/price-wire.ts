/** Prices between the JSON of the contract and pico-dollars, as one table. */
import type { Price } from "../../contract/prices.ts";
import type { PriceRecord, PriceTerms } from "../../domains/catalog/index.ts";
import { Failure } from "../../lib/errors.ts";
import {
  type Picos,
  picosFromUsd,
  picosFromUsdPerMillion,
  usdFromPicos,
  usdPerMillionFromPicos,
  ZERO_PICOS,
} from "../../lib/money.ts";
import type { QuantityName } from "../../lib/quantities.ts";
import { toTime, toTimeOrNull } from "../to-wire.ts";

const quantityOf = {
  input_usd_per_mtok: "uncached_input",
  output_usd_per_mtok: "output_text",
  cached_input_usd_per_mtok: "cache_read",
  cache_write_usd_per_mtok: "cache_write",
  reasoning_usd_per_mtok: "reasoning",
  audio_input_usd_per_mtok: "audio_input",
  audio_output_usd_per_mtok: "audio_output",
  image_input_usd_per_mtok: "image_input",
  request_usd: "requests",
} as const satisfies Record<string, QuantityName>;

type PriceField = keyof typeof quantityOf;
export type PriceFields = { readonly [Field in PriceField]?: string | undefined };

const fields = Object.keys(quantityOf) as PriceField[];

/** Undefined when no price is given at all; input and output come together or not. */
export function readTerms(given: PriceFields): PriceTerms | undefined {
  const terms: Partial<Record<QuantityName, Picos>> = {};
  for (const field of fields) {
    const text = given[field];
    if (text !== undefined) terms[quantityOf[field]] = readPicos(field, text);
  }
  if (Object.keys(terms).length === 0) return undefined;
  const { uncached_input, output_text } = terms;
  if (uncached_input === undefined) throw missing("input_usd_per_mtok");
  if (output_text === undefined) throw missing("output_usd_per_mtok");
  return { ...terms, uncached_input, output_text };
}

const readPicos = (field: PriceField, text: string): Picos =>
  field === "request_usd" ? picosFromUsd(text, field) : picosFromUsdPerMillion(text, field);

const missing = (field: PriceField): Failure =>
  new Failure("invalid", `'${field}' is missing: a price names at least input and output.`, {
    param: field,
    code: "invalid_field",
  });

export function toPriceWire(price: PriceRecord): Price {
  const usdOf = (field: PriceField): string => {
    const amount = price.picos[quantityOf[field]] ?? ZERO_PICOS;
    return field === "request_usd" ? usdFromPicos(amount) : usdPerMillionFromPicos(amount);
  };
  return {
    id: String(price.priceVersionId),
    model: price.model,
    valid_from: toTime(price.validFrom),
    valid_to: toTimeOrNull(price.validTo),
    ...(Object.fromEntries(fields.map((field) => [field, usdOf(field)])) as Record<
      PriceField,
      string
    >),
  };
}
