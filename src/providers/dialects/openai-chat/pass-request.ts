import type { JsonObject } from "../../../lib/json.ts";
import type { Quirks } from "../../upstream.ts";
import type { EncodeOptions } from "../dialect.ts";
import { refuseBeyondLimits } from "./provider-limits.ts";
import { thoughtLimits } from "./thought-limits.ts";
import { isRecord, listIn } from "./wire.ts";

const LIMIT_FIELDS = ["max_tokens", "max_completion_tokens"] as const;
type LimitField = (typeof LIMIT_FIELDS)[number];

/**
 * The client's request as the upstream shall see it. Fields we do not know are kept: a new feature of a
 * provider works on the day it appears.
 *
 * @throws Failure `UNTRANSLATABLE` for what the provider's quirks say it does not take
 */
export function passRequest(request: JsonObject, options: EncodeOptions): JsonObject {
  const { quirks } = options;
  const { n: choices, temperature, response_format: format } = request;
  refuseBeyondLimits({ choices, temperature, format: isRecord(format) && format["type"] }, quirks);
  const body: JsonObject = { ...request, model: options.upstreamModel };
  const limitFields = limitFieldsOf(request, quirks);
  for (const field of LIMIT_FIELDS) delete body[field];
  for (const field of limitFields) body[field] = options.maxOutputTokens;
  Object.assign(body, thoughtLimits(body, options));
  if (request["stream"] === true) askForUsage(body, quirks);
  if (quirks.developer_role === "system") body["messages"] = withoutDevelopers(request["messages"]);
  return body;
}

/** A provider ignores the field that it does not know: the limit goes where it is kept, whichever the client used. */
function limitFieldsOf(request: JsonObject, quirks: Quirks): readonly LimitField[] {
  if (quirks.output_limit_field !== undefined) return [quirks.output_limit_field];
  const used = LIMIT_FIELDS.filter((field) => (request[field] ?? null) !== null);
  return used.length > 0 ? used : ["max_tokens"];
}

/** Usage is asked for even when the client did not: without it the answer could only be estimated. */
function askForUsage(body: JsonObject, quirks: Quirks): void {
  const asked = body["stream_options"];
  if (quirks.no_stream_options === true) delete body["stream_options"];
  else body["stream_options"] = { ...(isRecord(asked) ? asked : {}), include_usage: true };
}

function withoutDevelopers(messages: unknown): unknown {
  return listIn(messages).map((message) =>
    message["role"] === "developer" ? { ...message, role: "system" } : message,
  );
}
