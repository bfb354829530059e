/** Whether what is there already is what the configuration asks for. Pure. */
import type { Provider, ProviderPreset } from "../../../contract/providers.ts";
import type { ProviderSettings } from "../plan/steps.ts";

/** The same JSON, whatever the order of its fields; what is undefined is not there. */
export function isSame(a: unknown, b: unknown): boolean {
  return sortedJson(a) === sortedJson(b);
}

const sortedJson = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

/** The first setting that differs; undefined: the provider is the one that is meant. */
export function differenceOf(
  there: Provider,
  wanted: ProviderSettings,
  presets: readonly ProviderPreset[],
): string | undefined {
  const preset = presets.find(({ name }) => name === wanted.preset);
  const dialect = wanted.dialect ?? preset?.dialect ?? "openai-chat";
  if (there.dialect !== dialect) return "dialect";
  if (!isSameAddress(there, wanted, preset)) return "address";
  if (wanted.region !== undefined && there.region !== wanted.region) return "region";
  if (there.allow_private !== (wanted.allow_private ?? false))
    return "permission for private addresses";
  const quirks = Object.entries(wanted.quirks ?? {});
  return quirks.every(([name, value]) => includes(there.quirks[name], value))
    ? undefined
    : "quirks";
}

/** A preset adds quirks of its own. */
function includes(there: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null || Array.isArray(wanted)) {
    return isSame(there, wanted);
  }
  const fields = (there ?? {}) as Record<string, unknown>;
  return Object.entries(wanted).every(([name, value]) => isSame(fields[name], value));
}

function isSameAddress(
  there: Provider,
  { base_url, region }: ProviderSettings,
  preset: ProviderPreset | undefined,
): boolean {
  // As the control plane keeps it.
  if (base_url !== undefined) return there.base_url === new URL(base_url).href.replace(/\/+$/, "");
  return (
    preset === undefined ||
    preset.regions.some(
      (one) => one.base_url.replaceAll("{region}", region ?? "") === there.base_url,
    )
  );
}
