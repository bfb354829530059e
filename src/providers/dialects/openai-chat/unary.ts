import { malformedAnswer, readBody } from "../../read-body.ts";
import type { Upstream } from "../../upstream.ts";
import { failureFromErrorObject } from "../../upstream-failure.ts";
import { isError, isRecord, listIn, parseRecord, textBytesOf, tokensForBytes } from "./wire.ts";

/** A whole answer. `bytes` go to the client untouched. */
export type UnaryAnswer = {
  bytes: Uint8Array;
  /** The provider's usage object; undefined when it is missing. */
  usage: Record<string, unknown> | undefined;
  /** An estimate from the text, for answers without usage. */
  countedOutputTokens: number;
};

/** Several images or minutes of audio; a body beyond this is no answer of a model. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

const decoder = new TextDecoder();

/** Reads the whole body; throws a `Failure` when it is too large, cut off, an error, or no JSON object. */
export async function readUnaryAnswer(
  upstream: Upstream,
  response: Response,
  options: { bytesMax?: number } = {},
): Promise<UnaryAnswer> {
  const bytes = await readBody(upstream, response, {
    bytesMax: options.bytesMax ?? BODY_BYTES_MAX,
  });
  const body = parseRecord(decoder.decode(bytes));
  if (body === undefined) throw malformedAnswer(upstream, "its body is no JSON object");
  const { usage, error, choices } = body;
  if (isError(error)) throw failureFromErrorObject(upstream, error);
  const textBytes = listIn(choices).reduce(
    (sum, choice) => sum + textBytesOf(choice["message"]),
    0,
  );
  return {
    bytes,
    usage: isRecord(usage) ? usage : undefined,
    countedOutputTokens: tokensForBytes(textBytes),
  };
}
