/**
 * Dollars of a list, which are JavaScript numbers, as whole pico-dollars.
 *
 * A list is written in decimals: `0.15` in its file became the nearest double. A decimal of up to 15 significant
 * digits is the shortest one that its double is nearest to, so writing the number with 15 digits gives back exactly
 * what the list says, for every price of up to 15 digits. Numbers that need more are not decimals that somebody
 * wrote, but results of a division in floating point, such as 0.08333333333333334: they are cut to 15 digits and
 * rounded up to a whole pico-dollar, as is what does not divide evenly, such as a price of an hour by its seconds.
 */
import { assert } from "../../../lib/errors.ts";
import { type Picos, picos } from "../../../lib/money.ts";

const EXACT_DIGITS = 15;
const PICOS_PER_USD = 10n ** 12n;

/** Of one unit, from the dollars for `units` of them. Never below what the list says. */
export function picosFromListPrice(usd: number, units: bigint): Picos {
  assert(Number.isFinite(usd) && usd >= 0, `${usd} is no price`);
  const { digits, scale } = decimalOf(usd);
  const divisor = scale * units;
  return picos((digits * PICOS_PER_USD + divisor - 1n) / divisor);
}

/** `digits / scale`: 0.15 is 15 / 100. */
function decimalOf(usd: number): { digits: bigint; scale: bigint } {
  // Always of the form "1.50000000000000e-1": one digit, fourteen decimals, an exponent of ten.
  const match = /^(\d)\.(\d+)e([+-]\d+)$/.exec(usd.toExponential(EXACT_DIGITS - 1));
  assert(match !== null, `${usd} is written as a decimal`);
  const [, whole = "", fraction = "", exponent = ""] = match;
  const decimals = fraction.length - Number.parseInt(exponent, 10);
  const digits = BigInt(whole + fraction);
  return decimals >= 0
    ? { digits, scale: 10n ** BigInt(decimals) }
    : { digits: digits * 10n ** BigInt(-decimals), scale: 1n };
}
