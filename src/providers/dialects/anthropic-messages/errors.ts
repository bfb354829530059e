/** https://platform.claude.com/docs/en/api/errors */
import type { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";

const typeOfStatus: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** `details.error_code` is where Anthropic's own clients look for a code. */
export function errorBody(failure: Failure, requestId: string): JsonObject {
  const { status, code, message } = failure;
  const type = typeOfStatus[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
  const details = code === undefined ? {} : { details: { error_code: code } };
  return { type: "error", error: { type, message, ...details }, request_id: requestId };
}

export function errorFrame(failure: Failure, requestId: string): string {
  return `event: error\ndata: ${JSON.stringify(errorBody(failure, requestId))}\n\n`;
}
