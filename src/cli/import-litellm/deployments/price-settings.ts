/** LiteLLM's costs as the parts of a price: one table, with its suffixes for tiers. */

import type { OperationInput } from "../../../contract/operation.ts";
import type { PriceField, setPrice } from "../../../contract/prices.ts";
import { type MapSetting, type Setting, textOf } from "../config/config-tree.ts";
import { usdFor } from "../config/exact-cost.ts";
import type { Findings } from "../config/findings.ts";

type Body = OperationInput<typeof setPrice>["body"];
export type ImportedPrice = Omit<
  Body,
  "model" | "provider" | "upstream" | "from_list" | "valid_from"
>;

/** What is priced, and whether Baseload says it for one or for a million. */
export const costSettings: Readonly<
  Record<string, readonly [field: PriceField, units: "one" | "million"]>
> = {
  input_cost_per_token: ["input_usd_per_mtok", "million"],
  output_cost_per_token: ["output_usd_per_mtok", "million"],
  cache_read_input_token_cost: ["cached_input_usd_per_mtok", "million"],
  cache_creation_input_token_cost: ["cache_write_usd_per_mtok", "million"],
  cache_creation_input_token_cost_above_1hr: ["cache_write_1h_usd_per_mtok", "million"],
  output_cost_per_reasoning_token: ["reasoning_usd_per_mtok", "million"],
  input_cost_per_audio_token: ["audio_input_usd_per_mtok", "million"],
  output_cost_per_audio_token: ["audio_output_usd_per_mtok", "million"],
  input_cost_per_image_token: ["image_input_usd_per_mtok", "million"],
  output_cost_per_image_token: ["image_output_usd_per_mtok", "million"],
  output_cost_per_image: ["image_usd", "one"],
  input_cost_per_second: ["usd_per_audio_second", "one"],
  output_cost_per_second: ["usd_per_audio_second", "one"],
  input_cost_per_character: ["usd_per_mcharacter", "million"],
  output_cost_per_character: ["usd_per_mcharacter", "million"],
  input_cost_per_query: ["usd_per_search", "one"],
  input_cost_per_request: ["request_usd", "one"],
};

const SERVICE_TIERS = { batches: "batch", flex: "flex", priority: "priority" } as const;
type TierName = (typeof SERVICE_TIERS)[keyof typeof SERVICE_TIERS];

type Meant = {
  readonly field: PriceField;
  readonly units: "one" | "million";
  /** Undefined: standard. */
  readonly tier: TierName | undefined;
  readonly aboveInputTokens: number | undefined;
};

/** `input_cost_per_token_above_200k_tokens_priority` → the field, the tier, the length. */
export function meantBy(name: string): Meant | undefined {
  const suffix = /_(batches|flex|priority)$/.exec(name);
  const plain = suffix === null ? name : name.slice(0, suffix.index);
  const long = /_above_(\d+)k_tokens$/.exec(plain);
  const known = costSettings[long === null ? plain : plain.slice(0, long.index)];
  if (known === undefined) return undefined;
  const [field, units] = known;
  const tier = suffix === null ? undefined : SERVICE_TIERS[suffix[1] as keyof typeof SERVICE_TIERS];
  return {
    field,
    units,
    tier,
    aboveInputTokens: long === null ? undefined : Number(long[1]) * 1_000,
  };
}

type Units = Partial<Record<PriceField, string>>;
type Tiers = Partial<Record<TierName | "standard", Tier>>;
type Tier = Units & { context_tiers?: ({ above_input_tokens: number } & Units)[] };

/** What costs cannot be said here: half a price would charge too little, and the list's is not the operator's. */
export type SaidPrice = ImportedPrice | "unclear" | undefined;

/** Undefined: the configuration says nothing of what it costs. Costs in `litellm_params` come before `model_info`. */
export function readPrice(
  places: readonly (MapSetting | undefined)[],
  findings: Findings,
): SaidPrice {
  const tiers: Tiers = {};
  const said = new Set<string>();
  let isUnclear = false;
  for (const [name, setting] of places.flatMap((place) => [...(place?.fields ?? [])])) {
    const meant = meantBy(name);
    if (meant === undefined) continue;
    if (said.has(name)) findings.ignore(setting, "is said in litellm_params, which comes first");
    else if (takeCost(meant, setting, tiers, findings)) said.add(name);
    else if (textOf(setting) !== undefined) isUnclear = true;
  }
  if (isUnclear) return "unclear";
  const { standard, ...service } = tiers;
  if (Object.keys(tiers).length === 0) return undefined;
  const hasService = Object.keys(service).length > 0;
  return { ...standard, ...(hasService ? { service_tiers: service } : {}) };
}

function takeCost(
  { field, units, tier: special, aboveInputTokens }: Meant,
  setting: Setting,
  tiers: Tiers,
  findings: Findings,
): boolean {
  const source = textOf(setting);
  if (source === undefined) {
    findings.ignore(setting, "says nothing");
    return false;
  }
  const usd = usdFor(units, source);
  if (usd === undefined) {
    findings.refuse(
      setting,
      "is no amount of dollars, or is finer than a pico-dollar for each unit. Set the price with: baseload price set",
    );
    return false;
  }
  const name = special ?? "standard";
  const tier = tiers[name] ?? {};
  tiers[name] = tier;
  const at = aboveInputTokens === undefined ? tier : tierAbove(tier, aboveInputTokens);
  at[field] = usd;
  findings.take(setting, `${field} ${usd}`);
  return true;
}

function tierAbove(tier: Tier, aboveInputTokens: number): Units {
  tier.context_tiers ??= [];
  const found = tier.context_tiers.find((one) => one.above_input_tokens === aboveInputTokens);
  if (found !== undefined) return found;
  const added: { above_input_tokens: number } & Units = { above_input_tokens: aboveInputTokens };
  tier.context_tiers.push(added);
  return added;
}
