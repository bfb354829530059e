/**
 * Money as integers. A price is a whole number of pico-dollars (10^-12) per unit, which holds every
 * published list price exactly; wallets and ledger entries are whole nano-dollars (10^-9), which fit
 * nine billion dollars into PostgreSQL's `int8`. `number` never holds money.
 */
import { Failure } from "./errors.ts";

declare const picosBrand: unique symbol;
declare const nanosBrand: unique symbol;

/** An amount in pico-dollars, 10^-12 USD. */
export type Picos = bigint & { readonly [picosBrand]: true };
/** An amount in nano-dollars, 10^-9 USD. */
export type Nanos = bigint & { readonly [nanosBrand]: true };

const PICOS_PER_NANO = 1_000n;
const NANO_DIGITS = 9;
const PICO_DIGITS = 12;
/** PostgreSQL's int8 ends at 9.22 × 10^18: below a billion dollars in nano-dollars, a million in pico-dollars. */
const AMOUNT_INTEGER_DIGITS_MAX = 9;
const UNIT_PRICE_INTEGER_DIGITS_MAX = 6;

export const picos = (amount: bigint): Picos => amount as Picos;
export const nanos = (amount: bigint): Nanos => amount as Nanos;

export const ZERO_PICOS = picos(0n);
export const ZERO_NANOS = nanos(0n);

/** Reads a decimal string of dollars, such as `"12.50"`. Refuses more digits than the unit can hold. */
export function nanosFromUsd(text: string, param: string): Nanos {
  const integerDigits = AMOUNT_INTEGER_DIGITS_MAX;
  return nanos(parseDecimal(text, { integerDigits, fractionDigits: NANO_DIGITS, param }));
}

/** Reads dollars per million tokens, such as `"0.15"`: the unit of every published price list. */
export function picosFromUsdPerMillion(text: string, param: string): Picos {
  const integerDigits = AMOUNT_INTEGER_DIGITS_MAX;
  return picos(parseDecimal(text, { integerDigits, fractionDigits: PICO_DIGITS - 6, param }));
}

/** Reads dollars per unit (per request, per image), such as `"0.002"`. */
export function picosFromUsd(text: string, param: string): Picos {
  const integerDigits = UNIT_PRICE_INTEGER_DIGITS_MAX;
  return picos(parseDecimal(text, { integerDigits, fractionDigits: PICO_DIGITS, param }));
}

export const usdFromNanos = (amount: Nanos): string => formatDecimal(amount, NANO_DIGITS);
export const usdFromPicos = (amount: Picos): string => formatDecimal(amount, PICO_DIGITS);
export const usdPerMillionFromPicos = (amount: Picos): string =>
  formatDecimal(amount, PICO_DIGITS - 6);

/** The smallest whole number of nano-dollars that covers the amount: what a hold must take. */
export function nanosCovering(amount: Picos): Nanos {
  return nanos((amount + PICOS_PER_NANO - 1n) / PICOS_PER_NANO);
}

/**
 * Splits an exact amount into whole nano-dollars to charge now and a rest below one nano-dollar to
 * carry into the next charge of the same wallet, so that nothing is lost to rounding.
 *
 * With a rest below 1000 pico-dollars the charge never exceeds `nanosCovering(amount)`.
 */
export function splitCharge(amount: Picos, carried: Picos): { charge: Nanos; carried: Picos } {
  const total = amount + carried;
  return { charge: nanos(total / PICOS_PER_NANO), carried: picos(total % PICOS_PER_NANO) };
}

function parseDecimal(
  text: string,
  options: { integerDigits: number; fractionDigits: number; param: string },
): bigint {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  const whole = match?.[1] ?? "";
  const fraction = match?.[2] ?? "";
  if (match === null || whole.replace(/^0+/, "").length > options.integerDigits) {
    throw new Failure("invalid", `'${text}' is not an amount of US dollars such as "12.50".`, {
      param: options.param,
    });
  }
  const digits = fraction.replace(/0+$/, "");
  if (digits.length > options.fractionDigits) {
    throw new Failure(
      "invalid",
      `'${text}' has more than ${options.fractionDigits} decimal places.`,
      { param: options.param },
    );
  }
  return BigInt(whole + digits.padEnd(options.fractionDigits, "0"));
}

/** Shortest exact decimal with at least two decimal places: `"1.50"`, `"0.000000123"`. */
function formatDecimal(amount: bigint, fractionDigits: number): string {
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(fractionDigits + 1, "0");
  const whole = digits.slice(0, -fractionDigits);
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, "").padEnd(2, "0");
  return `${sign}${whole}.${fraction}`;
}
