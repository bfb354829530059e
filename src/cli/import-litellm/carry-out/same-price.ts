/** Whether a price in force is the one that the configuration says. Decimal strings, never floats. Pure. */
import {
  type Price,
  type PriceField,
  priceFieldNames,
  type TierPrice,
} from "../../../contract/prices.ts";
import { serviceTiers } from "../../../lib/service-tiers.ts";
import type { ImportedPrice } from "../deployments/price-settings.ts";

/** What a part costs that is left out: as much as the plainer one it is a case of. */
const plainerField: Readonly<Partial<Record<PriceField, PriceField>>> = {
  cached_input_usd_per_mtok: "input_usd_per_mtok",
  cache_write_usd_per_mtok: "input_usd_per_mtok",
  cache_write_1h_usd_per_mtok: "cache_write_usd_per_mtok",
  reasoning_usd_per_mtok: "output_usd_per_mtok",
  audio_input_usd_per_mtok: "input_usd_per_mtok",
  audio_output_usd_per_mtok: "output_usd_per_mtok",
  image_input_usd_per_mtok: "input_usd_per_mtok",
  image_output_usd_per_mtok: "output_usd_per_mtok",
};
const freeUnlessSaid: readonly PriceField[] = ["request_usd", "cache_hit_usd"];

type Units = { readonly [Field in PriceField]?: string | undefined };
type Tier = Units & {
  readonly context_tiers?: readonly (Units & { above_input_tokens: number })[] | undefined;
};

export function isSamePrice(there: Price, wanted: ImportedPrice): boolean {
  if (!isSameTier(there, wanted)) return false;
  const special = serviceTiers.filter((name) => name !== "standard");
  return special.every((name) => {
    const [own, said] = [there.service_tiers[name], wanted.service_tiers?.[name]];
    if (own === undefined || said === undefined) return own === said;
    return isSameTier(own, said);
  });
}

function isSameTier(there: TierPrice, wanted: Tier): boolean {
  const tiers = (wanted.context_tiers ?? []).toSorted(
    (a, b) => a.above_input_tokens - b.above_input_tokens,
  );
  if (!hasSameUnits(there, wanted) || there.context_tiers.length !== tiers.length) return false;
  // What a tier leaves out costs as it does below.
  let named: Units = wanted;
  return tiers.every((tier, i) => {
    const own = there.context_tiers[i];
    named = { ...named, ...tier };
    return own?.above_input_tokens === tier.above_input_tokens && hasSameUnits(own, named);
  });
}

const hasSameUnits = (there: Readonly<Record<PriceField, string | null>>, wanted: Units): boolean =>
  priceFieldNames.every((field) => plain(there[field]) === plain(costOf(wanted, field)));

function costOf(units: Units, field: PriceField): string | null {
  const own = units[field];
  if (own !== undefined) return own;
  const plainer = plainerField[field];
  if (plainer !== undefined) return costOf(units, plainer);
  return freeUnlessSaid.includes(field) ? "0" : null;
}

/** `2.50` and `2.5` are the same. */
const plain = (usd: string | null): string | null =>
  usd?.includes(".") === true ? usd.replace(/0+$/, "").replace(/\.$/, "") : usd;
