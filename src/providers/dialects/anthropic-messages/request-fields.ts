/** The fields of a request for a message that are not a matter of words: refused, or read elsewhere. */
import type { JsonObject } from "../../../lib/json.ts";
import { untranslatable } from "../../neutral/prompt.ts";
import { translatedFields } from "./request-shape.ts";

/** A documented field without a counterpart, and the values that ask for nothing. */
type Refused = { why: string; asksNothing?(value: unknown): boolean };

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const refused: Readonly<Record<string, Refused>> = {
  compaction: { why: "its provider does not shorten conversations" },
  container: { why: "its provider runs no containers" },
  diagnostics: { why: "its provider says nothing of its cache" },
  fallback_credit_token: { why: "it is Anthropic's own" },
  fallbacks: { why: "other models are chosen by a route here" },
  inference_geo: { why: "its provider does not choose a region by the call" },
  mcp_servers: { why: "its provider calls no other servers" },
  speed: { why: "its provider has one speed", asksNothing: (value) => value === "standard" },
  thread: { why: "its provider keeps no conversations" },
};

/** Everything that Anthropic documents. */
export const documentedFields: ReadonlySet<string> = new Set([
  ...Object.keys(translatedFields),
  ...Object.keys(refused),
  // Read by the gateway.
  "model",
]);

/** @throws Failure `UNTRANSLATABLE` */
export function refuseUntranslatable(body: JsonObject): void {
  for (const [field, { why, asksNothing = isEmptyList }] of Object.entries(refused)) {
    const value = body[field];
    if (value === undefined || value === null || asksNothing(value)) continue;
    throw untranslatable(field, why);
  }
}

export function undocumentedIn(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([field]) => !documentedFields.has(field)));
}
