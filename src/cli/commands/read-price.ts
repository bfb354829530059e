/** A price as it is said on the command line: flags, and a file for what they cannot say. */
import { readFile } from "node:fs/promises";
import { parse as parseYaml, YAMLParseError } from "yaml";
import type { z } from "zod";
import { type PriceField, priceFieldNames, type setPrice } from "../../contract/prices.ts";
import { serviceTiers } from "../../lib/service-tiers.ts";
import { UsageError } from "../grammar/usage-error.ts";

/** `cached_input_usd_per_mtok` → `cached-input-usd-per-mtok`. */
type Dashed<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}-${Dashed<Tail>}`
  : Text;

export type PriceFlags = {
  readonly [Field in PriceField as Dashed<Field>]: string | undefined;
} & { readonly [flag: `${string}-usd-per-mtok`]: string | undefined };

type Body = z.input<(typeof setPrice)["body"]>;
export type PriceBody = Omit<Body, "model" | "provider" | "upstream" | "from_list">;

/** A price with every tier there is has some two hundred lines. */
const FILE_CHARS_MAX = 256 * 1_024;
/** A price needs no aliases, and a bomb is made of them. */
const YAML_ALIASES_MAX = 20;
/** The parts of a service tier that have flags. */
const TIER_FIELDS = [
  "input_usd_per_mtok",
  "cached_input_usd_per_mtok",
  "output_usd_per_mtok",
] as const;

/** What flags say comes before what the file says. */
export async function readPrice(
  flags: PriceFlags,
  file: { flag: string; path: string | undefined },
): Promise<PriceBody> {
  const filed = file.path === undefined ? {} : await readPriceFile(file.flag, file.path);
  const given = Object.fromEntries(
    priceFieldNames.flatMap((field) => {
      const value = flags[dashed(field)];
      return value === undefined ? [] : [[field, value]];
    }),
  );
  const tiers = readServiceTiers(flags, filed.service_tiers ?? {});
  const isTiered = Object.keys(tiers).length > 0;
  return { ...filed, ...given, ...(isTiered ? { service_tiers: tiers } : {}) };
}

type Tiers = NonNullable<PriceBody["service_tiers"]>;

function readServiceTiers(flags: PriceFlags, filed: Tiers): Tiers {
  const tiers: Record<string, object | undefined> = { ...filed };
  for (const tier of serviceTiers) {
    for (const field of TIER_FIELDS) {
      const value = (flags as Record<string, string | undefined>)[`${tier}-${dashed(field)}`];
      if (value !== undefined) tiers[tier] = { ...tiers[tier], [field]: value };
    }
  }
  return tiers;
}

const dashed = <Field extends PriceField>(field: Field) =>
  field.replaceAll("_", "-") as Dashed<Field>;

async function readPriceFile(flag: string, path: string): Promise<PriceBody> {
  const text = await readText(flag, path);
  if (text.length > FILE_CHARS_MAX) {
    throw new UsageError(`--${flag}: ${path} is longer than ${FILE_CHARS_MAX} characters.`);
  }
  try {
    // Every scalar stays the text that it is: a price read as a number would not be what was written.
    const read: unknown = parseYaml(text, { schema: "failsafe", maxAliasCount: YAML_ALIASES_MAX });
    if (typeof read !== "object" || read === null || Array.isArray(read)) {
      throw new UsageError(`--${flag}: ${path} must hold fields such as input_usd_per_mtok.`);
    }
    // The control plane checks what it says, and names the field.
    return withCounts(read) as PriceBody;
  } catch (error) {
    if (!(error instanceof YAMLParseError) && !(error instanceof ReferenceError)) throw error;
    throw new UsageError(`--${flag}: ${path} is neither valid YAML nor JSON: ${error.message}`);
  }
}

async function readText(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new UsageError(`--${flag}: ${path} ${why}.`);
  }
}

/** The only number of a price file is how many input tokens a context tier begins above. */
function withCounts(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => withCounts(item));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, withCounts(inner, name)]),
    );
  }
  const isCount = key === "above_input_tokens" && typeof value === "string" && /^\d+$/.test(value);
  return isCount ? Number.parseInt(value, 10) : value;
}
