/** Errors that come in a body under status 200. */
import type { JsonObject } from "../lib/json.ts";
import { isError, isRecord } from "./dialects/openai-chat/wire.ts";
import type { Upstream } from "./upstream.ts";

/** What MiniMax's codes mean as a status. https://platform.minimax.io/docs/api-reference/errorcode */
const statusOfCode: Readonly<Record<number, number>> = {
  1001: 504,
  1002: 429,
  1004: 401,
  1008: 402,
  1026: 422,
  1027: 422,
  1039: 429,
  1041: 429,
  1042: 422,
  2013: 400,
  2049: 401,
  2056: 429,
};

/** The error object of an answer, in the shape that all dialects share; undefined when it is none. */
export function errorInBody(upstream: Upstream, body: JsonObject | undefined): unknown {
  const error = body?.["error"];
  if (isError(error)) return error;
  const field = upstream.quirks.errors_in_body;
  const told = field === undefined ? undefined : body?.[field];
  if (!isRecord(told) || typeof told["status_code"] !== "number" || told["status_code"] === 0) {
    return undefined;
  }
  return { message: told["status_msg"], code: statusOfCode[told["status_code"]] ?? 500 };
}
