/**
 * What a provider of this dialect would refuse by what its quirks say, found before it is asked: another candidate
 * of the plan may take it.
 */
import { untranslatable } from "../../neutral/prompt.ts";
import type { Quirks } from "../../upstream.ts";

export type Wanted = {
  choices?: unknown;
  temperature?: unknown;
  /** Of the response format. */
  format?: unknown;
};

/** @throws Failure `UNTRANSLATABLE` */
export function refuseBeyondLimits(wanted: Wanted, quirks: Quirks): void {
  const { choices_max = Number.POSITIVE_INFINITY, max_temperature = Number.POSITIVE_INFINITY } =
    quirks;
  if (typeof wanted.choices === "number" && wanted.choices > choices_max) {
    throw untranslatable("n", `its provider gives at most ${choices_max} per call`);
  }
  if (typeof wanted.temperature === "number" && wanted.temperature > max_temperature) {
    throw untranslatable("temperature", `its provider takes at most ${max_temperature}`);
  }
  if (quirks.no_json_schema === true && wanted.format === "json_schema") {
    throw untranslatable("response_format", "its provider takes no schemas");
  }
}
