/** Costs per token as LiteLLM writes them, such as `1.5e-07`, as dollars per million: by digits, never as floats. */

/** A price is a whole number of pico-dollars for each unit. */
const PICO_DIGITS = 12;
/** Far beyond any price; keeps a hostile exponent from making a long text. */
const EXPONENT_MAX = 40;

const NUMBER = /^\+?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** Undefined for what is no amount of dollars, or is finer than a pico-dollar. */
export function usdFor(units: "one" | "million", source: string): string | undefined {
  const [, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(source.trim()) ?? [];
  const digits = whole + fraction;
  const power = BigInt(exponent);
  if (digits === "" || power > EXPONENT_MAX || power < -EXPONENT_MAX) return undefined;
  // digits × 10^scale picos for one unit
  const scale = power - BigInt(fraction.length) + BigInt(PICO_DIGITS);
  const factor = 10n ** (scale < 0n ? -scale : scale);
  const value = BigInt(digits);
  if (scale < 0n && value % factor !== 0n) return undefined;
  const picos = scale < 0n ? value / factor : value * factor;
  return toDecimal(picos, units === "million" ? PICO_DIGITS - 6 : PICO_DIGITS);
}

function toDecimal(amount: bigint, fractionDigits: number): string {
  const text = amount.toString().padStart(fractionDigits + 1, "0");
  const fraction = text.slice(-fractionDigits).replace(/0+$/, "");
  const whole = text.slice(0, -fractionDigits);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
