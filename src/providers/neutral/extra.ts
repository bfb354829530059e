import type { JsonObject } from "../../lib/json.ts";
import { untranslatable } from "./prompt.ts";

/**
 * `Prompt.extra` for a dialect that documents `own`. A field that the client's API does not know but the provider's
 * does is refused: it would mean something that nobody has read, such as more answers than the hold was made for.
 */
export function extraFor(extra: JsonObject, own: ReadonlySet<string>): JsonObject {
  for (const field of Object.keys(extra)) {
    if (own.has(field))
      throw untranslatable(field, "the API that you call does not have this field");
  }
  return extra;
}
