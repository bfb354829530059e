/** The body of a request as JSON, within limits of bytes, depth and time. */
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import { readBytes } from "./read-bytes.ts";

export async function readJsonBody(
  call: Call,
  limits: GatewayLimits,
): Promise<{ body: JsonObject; bytes: Uint8Array }> {
  const { bodyBytesMax: bytesMax, bodyTimeoutMs: timeoutMs } = limits;
  const bytes = await readBytes(call.request, { bytesMax, timeoutMs });
  call.seen?.record?.asked(bytes);
  assertDepth(bytes, limits.jsonDepthMax);
  let body: unknown;
  try {
    body = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "its bytes are not UTF-8";
    throw new Failure("invalid", `The body is not valid JSON: ${reason}.`, {
      code: "invalid_json",
      cause: error,
    });
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Failure("invalid", "The body must be a JSON object.", { code: "invalid_json" });
  }
  return { body: body as JsonObject, bytes };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x7b, 0x5b]);
const CLOSING = new Set([0x7d, 0x5d]);

/** Counts brackets before anything is parsed: a parser recurses, and deep nesting is never honest. */
function assertDepth(bytes: Uint8Array, depthMax: number): void {
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (OPENING.has(byte)) depth += 1;
    else if (CLOSING.has(byte)) depth -= 1;
    if (depth > depthMax) {
      throw new Failure("invalid", `The body is nested deeper than ${depthMax} levels.`, {
        code: "too_deep",
      });
    }
  }
}

/** The position of the closing quote, or the end of the bytes. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = bytes.indexOf(QUOTE, start + 1);
  while (at !== -1 && isEscaped(bytes, at)) at = bytes.indexOf(QUOTE, at + 1);
  return at === -1 ? bytes.length : at;
}

/** A quote is escaped by an odd number of backslashes before it. */
function isEscaped(bytes: Uint8Array, at: number): boolean {
  let first = at;
  while (bytes[first - 1] === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}
