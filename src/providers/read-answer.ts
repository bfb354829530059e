/** The body of a whole answer, which must be a JSON object and no error. */
import type { JsonObject } from "../lib/json.ts";
import { parseRecord } from "./dialects/openai-chat/wire.ts";
import { errorInBody } from "./error-in-body.ts";
import { malformedAnswer, readBody } from "./read-body.ts";
import type { Upstream } from "./upstream.ts";
import { failureFromErrorObject } from "./upstream-failure.ts";

/** Several images or minutes of audio; a body beyond this is no answer of a model. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

const decoder = new TextDecoder();

/** @throws Failure when it is too large, cut off, an error, or no JSON object */
export async function readAnswer(
  upstream: Upstream,
  response: Response,
  options: { bytesMax?: number } = {},
): Promise<{ bytes: Uint8Array; body: JsonObject }> {
  const { bytesMax = BODY_BYTES_MAX } = options;
  const bytes = await readBody(upstream, response, { bytesMax });
  const body = parseRecord(decoder.decode(bytes));
  if (body === undefined) throw malformedAnswer(upstream, "its body is no JSON object");
  const error = errorInBody(upstream, body);
  if (error !== undefined) throw failureFromErrorObject(upstream, error);
  return { bytes, body };
}
