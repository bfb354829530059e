import type { JsonObject } from "../../../lib/json.ts";
import type { Quirks } from "../../upstream.ts";
import type { EncodeOptions } from "../dialect.ts";
import { refuseBeyondLimits } from "./provider-limits.ts";
import { isRecord, listIn } from "./wire.ts";

const LIMIT_FIELDS = ["max_tokens", "max_completion_tokens"] as const;

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
  const used = LIMIT_FIELDS.filter((field) => body[field] !== undefined && body[field] !== null);
  const fields = used.length > 0 ? used : [quirks.output_limit_field ?? "max_tokens"];
  for (const field of fields) body[field] = options.maxOutputTokens;
  if (request["stream"] === true) askForUsage(body, quirks);
  if (quirks.developer_role === "system") body["messages"] = withoutDevelopers(request["messages"]);
  return body;
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
