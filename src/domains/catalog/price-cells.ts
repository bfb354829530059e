/** A price as a flat list: one row of `price_component` for each quantity of each tier. */
import type { Picos } from "../../lib/money.ts";
import { type QuantityName, quantityNames } from "../../lib/quantities.ts";
import { type ServiceTier, serviceTiers } from "../../lib/service-tiers.ts";
import type { Price, PriceComponents, PriceTerms, UnitPrices } from "./price.ts";

export type PriceCell = {
  serviceTier: ServiceTier;
  /** 0 is the base. */
  aboveInputTokens: number;
  quantity: QuantityName;
  picos: Picos;
};

/** @param terms complete: what is not named in them has no price. */
export function toCells({ serviceTiers: special = {}, ...standard }: PriceTerms): PriceCell[] {
  return serviceTiers.flatMap((serviceTier) => {
    const components = serviceTier === "standard" ? standard : special[serviceTier];
    return components === undefined ? [] : cellsOf(serviceTier, components);
  });
}

function cellsOf(serviceTier: ServiceTier, components: PriceComponents): PriceCell[] {
  const { contextTiers = [], ...base } = components;
  return [{ aboveInputTokens: 0, picos: base as UnitPrices }, ...contextTiers].flatMap((tier) =>
    quantityNames.flatMap((quantity) => {
      const picos = tier.picos[quantity];
      const { aboveInputTokens } = tier;
      return picos === undefined ? [] : [{ serviceTier, aboveInputTokens, quantity, picos }];
    }),
  );
}

export function toTerms(cells: readonly PriceCell[]): Pick<Price, "picos" | "serviceTiers"> {
  const special: [ServiceTier, PriceComponents][] = [];
  for (const serviceTier of serviceTiers) {
    const own = cells.filter((cell) => cell.serviceTier === serviceTier);
    if (serviceTier !== "standard" && own.length > 0)
      special.push([serviceTier, componentsOf(own)]);
  }
  const standard = componentsOf(cells.filter((cell) => cell.serviceTier === "standard"));
  if (special.length === 0) return { picos: standard };
  return { picos: standard, serviceTiers: Object.fromEntries(special) };
}

function componentsOf(cells: readonly PriceCell[]): PriceComponents {
  const thresholds = [...new Set(cells.map((cell) => cell.aboveInputTokens))].sort((a, b) => a - b);
  const unitsAbove = (aboveInputTokens: number): UnitPrices =>
    Object.fromEntries(
      cells
        .filter((cell) => cell.aboveInputTokens === aboveInputTokens)
        .map(({ quantity, picos }) => [quantity, picos]),
    );
  const contextTiers = thresholds
    .filter((aboveInputTokens) => aboveInputTokens > 0)
    .map((aboveInputTokens) => ({ aboveInputTokens, picos: unitsAbove(aboveInputTokens) }));
  return contextTiers.length === 0 ? unitsAbove(0) : { ...unitsAbove(0), contextTiers };
}
