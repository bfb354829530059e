/** The body of a request as JSON, within limits of bytes, depth and time. */
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Call, GatewayLimits } from "../gateway.ts";

export async function readJsonBody(
  call: Call,
  limits: GatewayLimits,
): Promise<{ body: JsonObject; bytes: Uint8Array }> {
  const bytes = await readBytes(call.request, limits);
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

async function readBytes(request: Request, limits: GatewayLimits): Promise<Uint8Array> {
  const { bodyBytesMax: bytesMax, bodyTimeoutMs } = limits;
  const { headers } = request;
  if (Number(headers.get("content-length") ?? 0) > bytesMax) throw tooLarge(bytesMax);
  // A declared length bounds what the runtime reads; a body in chunks may go on for ever.
  const isBounded = headers.has("content-length") && !headers.has("transfer-encoding");
  const reading = isBounded ? request.bytes() : readUpTo(request, bytesMax);
  // Nobody else would end a connection whose client has fallen silent in the middle of its body.
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow(bodyTimeoutMs)), bodyTimeoutMs);
  try {
    return await Promise.race([reading, late]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("invalid", "The body could not be read to its end.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function readUpTo(request: Request, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    // Leaving the loop ends the reading.
    if (length > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooSlow = (timeoutMs: number): Failure =>
  new Failure("invalid", `The body has not come to its end within ${timeoutMs} ms. Try again.`, {
    status: 408,
    code: "body_timeout",
  });

const tooLarge = (bytesMax: number): Failure =>
  new Failure("too_large", `The body is larger than ${bytesMax} bytes. Send less at once.`, {
    code: "body_too_large",
  });

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
