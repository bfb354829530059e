/** What an error body of an OpenAI-compatible provider says, however it is wrapped. */
export type WireError = {
  message: string | undefined;
  code: string | undefined;
  param: string | undefined;
  /** What is really wrong, where the code is no more than the status. */
  reason?: string;
};

/**
 * Reads `{error: {message, code, param}}` and the variants found in the wild: `{error: "…"}`,
 * `{message, code}`, `{detail: "…"}`, and a list around any of them.
 */
export function readWireError(value: unknown): WireError | undefined {
  const body = Array.isArray(value) ? value[0] : value;
  if (!isObject(body)) return undefined;
  const error = body["error"] ?? body["detail"] ?? body;
  if (typeof error === "string") {
    return { message: error, code: textOf(body["code"]), param: undefined };
  }
  if (!isObject(error)) return undefined;
  const message = textOf(error["message"]);
  const code = textOf(error["code"]) ?? textOf(error["type"]);
  if (message === undefined && code === undefined) return undefined;
  const reason = reasonIn(error["details"]);
  return { message, code, param: textOf(error["param"]), ...(reason && { reason }) };
}

/** Google's list beside an error: https://google.aip.dev/193 */
function reasonIn(details: unknown): string | undefined {
  if (!Array.isArray(details)) return undefined;
  return details.filter(isObject).flatMap((detail) => textOf(detail["reason"]) ?? [])[0];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}
