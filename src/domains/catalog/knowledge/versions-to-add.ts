/**
 * Which versions bring the prices of a model up to what a list knows. Pure. What an operator has set is never
 * touched: neither the price in force, nor one that is announced, nor the service tiers beside a list's price.
 */
import { completeTerms, type NewVersion, type Price, type PriceTerms } from "../price.ts";
import { toCells } from "../price-cells.ts";
import type { KnownModel, KnownPrice } from "./known-model.ts";

/** A version that is there already. */
export type Standing = Pick<Price, "picos" | "serviceTiers" | "validFromMs"> & { source: string };

export type Difference = {
  /**
   * - `changed`: the versions would bring it up to date.
   * - `unchanged`: it is what the list says.
   * - `own`: an operator has set the price in force.
   * - `unpriced`: there is no price in force, which an operator may want so.
   */
  state: "changed" | "unchanged" | "own" | "unpriced";
  versions: readonly NewVersion[];
};

/** Of the same list, whatever its version. */
export const isFromList = (source: string, list: string): boolean => source.startsWith(`${list} `);

export function versionsToAdd(
  standing: readonly Standing[],
  known: Pick<KnownModel, "source" | "prices">,
  nowMs: number,
): Difference {
  const [list = ""] = known.source.split(" ");
  const now = standingAt(standing, nowMs);
  if (now === undefined) return { state: "unpriced", versions: [] };
  if (!isFromList(now.source, list)) return { state: "own", versions: [] };
  const planned = [...standing];
  const versions: NewVersion[] = [];
  for (const atMs of momentsOf(standing, known.prices, nowMs)) {
    const fromMs = firstFreeMs(planned, atMs);
    // A correction stands a millisecond behind what it corrects: what is found there is what holds.
    const have = standingAt(planned, fromMs);
    if (have === undefined || !isFromList(have.source, list)) continue;
    const terms = besideOwnTiers(knownAt(known.prices, atMs), have);
    if (isSame(termsOf(have), terms)) continue;
    const { source } = known;
    versions.push({ terms, source, validFrom: atMs === nowMs ? undefined : new Date(fromMs) });
    const { serviceTiers = {}, ...picos } = terms;
    planned.push({ picos, serviceTiers, source, validFromMs: fromMs });
  }
  return { state: versions.length === 0 ? "unchanged" : "changed", versions };
}

/** Whenever either side's price may change, from now on. */
function momentsOf(
  standing: readonly Standing[],
  prices: readonly KnownPrice[],
  nowMs: number,
): number[] {
  const moments = [
    ...standing.map(({ validFromMs }) => validFromMs),
    ...prices.flatMap(({ validFrom }) => validFrom?.getTime() ?? []),
  ];
  const later = moments.filter((moment) => moment > nowMs);
  return [...new Set([nowMs, ...later])].sort((a, b) => a - b);
}

/** Of several that begin at once the last one in the list. */
function standingAt(standing: readonly Standing[], atMs: number): Standing | undefined {
  let found: Standing | undefined;
  for (const one of standing) {
    if (one.validFromMs <= atMs && one.validFromMs >= (found?.validFromMs ?? 0)) found = one;
  }
  return found;
}

function knownAt([first, ...later]: KnownModel["prices"], atMs: number): PriceTerms {
  let found: KnownPrice = first;
  for (const price of later) if ((price.validFrom?.getTime() ?? 0) <= atMs) found = price;
  return found.terms;
}

/** Lists know no service tiers: those that stand were set by an operator. */
const besideOwnTiers = (terms: PriceTerms, { serviceTiers }: Standing): PriceTerms =>
  serviceTiers === undefined ? terms : { ...terms, serviceTiers };

const termsOf = ({ picos, serviceTiers }: Standing): PriceTerms =>
  serviceTiers === undefined ? picos : { ...picos, serviceTiers };

/** Two versions cannot begin at the same moment, and none is ever changed. */
function firstFreeMs(standing: readonly Standing[], fromMs: number): number {
  const taken = new Set(standing.map(({ validFromMs }) => validFromMs));
  let free = fromMs;
  while (taken.has(free)) free += 1;
  return free;
}

function isSame(a: PriceTerms, b: PriceTerms): boolean {
  const written = (terms: PriceTerms): string =>
    toCells(completeTerms(terms))
      .map((cell) => [cell.serviceTier, cell.aboveInputTokens, cell.quantity, cell.picos].join(" "))
      .join("\n");
  return written(a) === written(b);
}
