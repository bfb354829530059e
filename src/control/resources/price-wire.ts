/** Prices between the JSON of the contract and pico-dollars, as one table. */
import {
  type ImportedPrice,
  type Price,
  type PriceField,
  priceFieldNames,
  type TierPrice,
} from "../../contract/prices.ts";
import {
  type ImportedPrice as Imported,
  type PriceComponents,
  type PriceRecord,
  type PriceTerms,
  type SpecialServiceTier,
  type UnitPrices,
  unitPriceOf,
} from "../../domains/catalog/index.ts";
import { Failure } from "../../lib/errors.ts";
import {
  type Picos,
  picosFromUsd,
  picosFromUsdPerMillion,
  usdFromPicos,
  usdPerMillionFromPicos,
} from "../../lib/money.ts";
import type { QuantityName } from "../../lib/quantities.ts";
import { toTime, toTimeOrNull } from "../to-wire.ts";

/** What a field is the price of, and of how many: a million, or one. */
const meanings: Readonly<Record<PriceField, { quantity: QuantityName; of: "million" | "one" }>> = {
  input_usd_per_mtok: { quantity: "uncached_input", of: "million" },
  output_usd_per_mtok: { quantity: "output_text", of: "million" },
  cached_input_usd_per_mtok: { quantity: "cache_read", of: "million" },
  cache_write_usd_per_mtok: { quantity: "cache_write", of: "million" },
  cache_write_1h_usd_per_mtok: { quantity: "cache_write_1h", of: "million" },
  reasoning_usd_per_mtok: { quantity: "reasoning", of: "million" },
  audio_input_usd_per_mtok: { quantity: "audio_input", of: "million" },
  audio_output_usd_per_mtok: { quantity: "audio_output", of: "million" },
  image_input_usd_per_mtok: { quantity: "image_input", of: "million" },
  image_output_usd_per_mtok: { quantity: "image_output", of: "million" },
  image_usd: { quantity: "images", of: "one" },
  usd_per_audio_second: { quantity: "audio_seconds", of: "one" },
  usd_per_mcharacter: { quantity: "characters", of: "million" },
  usd_per_search: { quantity: "search_units", of: "one" },
  request_usd: { quantity: "requests", of: "one" },
  cache_hit_usd: { quantity: "cache_hits", of: "one" },
};

type GivenUnits = { readonly [Field in PriceField]?: string | undefined };
type GivenTier = GivenUnits & {
  readonly context_tiers?: readonly (GivenUnits & { above_input_tokens: number })[] | undefined;
};
export type GivenPrice = GivenTier & {
  readonly service_tiers?: Partial<Record<SpecialServiceTier, GivenTier | undefined>> | undefined;
};

/** Undefined when no price is given at all. */
export function readTerms(given: GivenPrice): PriceTerms | undefined {
  const standard = readTier(given, "");
  const special = Object.entries(given.service_tiers ?? {}).flatMap(([name, tier]) =>
    tier === undefined ? [] : [[name, readTier(tier, `service_tiers.${name}.`)]],
  );
  if (special.length > 0) return { ...standard, serviceTiers: Object.fromEntries(special) };
  return Object.keys(standard).length === 0 ? undefined : standard;
}

/** Whether anything is said of the standard price: service tiers alone stand beside another one. */
export const namesStandard = ({ serviceTiers: _, ...standard }: PriceTerms): boolean =>
  Object.keys(standard).length > 0;

function readTier(given: GivenTier, path: string): PriceComponents {
  const base = readUnits(given, path);
  assertHasInput(base, path);
  const tiers = (given.context_tiers ?? []).map((tier, i) => ({
    aboveInputTokens: tier.above_input_tokens,
    picos: readUnits(tier, `${path}context_tiers.${i}.`),
  }));
  return tiers.length === 0 ? base : { ...base, contextTiers: tiers };
}

/** A price of cached input alone is a forgotten field: what is not cached would have none. */
function assertHasInput(base: UnitPrices, path: string): void {
  const isCacheOnly = base.cache_read !== undefined || base.cache_write !== undefined;
  if (!isCacheOnly || base.uncached_input !== undefined) return;
  const param = `${path}input_usd_per_mtok`;
  throw new Failure("invalid", `'${param}' is missing: a price of cached input names input, too.`, {
    ...{ param, code: "invalid_field" },
  });
}

function readUnits(given: GivenUnits, path: string): UnitPrices {
  const units: Partial<Record<QuantityName, Picos>> = {};
  for (const field of priceFieldNames) {
    const text = given[field];
    const { quantity, of } = meanings[field];
    if (text === undefined) continue;
    const read = of === "one" ? picosFromUsd : picosFromUsdPerMillion;
    units[quantity] = read(text, `${path}${field}`);
  }
  return units;
}

export const toPriceWire = (price: PriceRecord): Price => ({
  id: String(price.priceVersionId),
  model: price.model,
  provider: price.deployment?.provider ?? null,
  upstream_model: price.deployment?.upstreamModel ?? null,
  source: price.source,
  valid_from: toTime(price.validFrom),
  valid_to: toTimeOrNull(price.validTo),
  ...toTierWire(price.picos),
  service_tiers: Object.fromEntries(
    Object.entries(price.serviceTiers ?? {}).map(([name, tier]) => [name, toTierWire(tier)]),
  ),
});

const toTierWire = (components: PriceComponents): TierPrice => ({
  ...toUnitsWire(components),
  context_tiers: (components.contextTiers ?? []).map((tier) => ({
    above_input_tokens: tier.aboveInputTokens,
    ...toUnitsWire(tier.picos),
  })),
});

function toUnitsWire(units: UnitPrices): Record<PriceField, string | null> {
  const usdOf = (field: PriceField): string | null => {
    const { quantity, of } = meanings[field];
    const amount = unitPriceOf(units, quantity);
    if (amount === undefined) return null;
    return of === "one" ? usdFromPicos(amount) : usdPerMillionFromPicos(amount);
  };
  return Object.fromEntries(priceFieldNames.map((field) => [field, usdOf(field)])) as Record<
    PriceField,
    string | null
  >;
}

/** @param now when versions begin that say no time. */
export const toImportedWire = (imported: Imported, now: Date): ImportedPrice => ({
  model: imported.model,
  provider: imported.provider,
  upstream_model: imported.upstreamModel,
  of: imported.of,
  state: imported.state,
  list_provider: imported.known?.provider ?? null,
  list_model: imported.known?.model ?? null,
  valid_from: imported.versions.map(({ validFrom }) => toTime(validFrom ?? now)),
  notes: [...(imported.known?.notes ?? [])],
});
