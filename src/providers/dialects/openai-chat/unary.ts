import type { Failure } from "../../../lib/errors.ts";
import type { Upstream } from "../../upstream.ts";
import {
  CLIENT_CLOSED,
  failureFromErrorObject,
  failureWithoutAnswer,
} from "../../upstream-failure.ts";
import { isRecord, listIn, textBytesOf, tokensForBytes } from "./text-of.ts";

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

/** Reads the whole body; throws a `Failure` when it is too large, cut off, an error, or no JSON object. */
export async function readUnaryAnswer(
  upstream: Upstream,
  response: Response,
  options: { bytesMax?: number } = {},
): Promise<UnaryAnswer> {
  const bytes = await readBytes(upstream, response, options.bytesMax ?? BODY_BYTES_MAX);
  const body = parse(bytes);
  if (body === undefined) {
    throw malformed(upstream, "Its answer is no JSON object.", response.status);
  }
  const { usage, error, choices } = body;
  if (isRecord(error) || (typeof error === "string" && error !== "")) {
    throw failureFromErrorObject(upstream, error);
  }
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

async function readBytes(
  upstream: Upstream,
  response: Response,
  bytesMax: number,
): Promise<Uint8Array> {
  const announced = response.headers.get("content-length");
  try {
    // With an announced length the runtime reads no more than that, and in the fastest way.
    if (announced !== null && Number(announced) <= bytesMax) return await response.bytes();
    return await readUpTo(response, bytesMax);
  } catch (error) {
    if (error instanceof BodyTooLarge) throw malformed(upstream, "Its answer is too large.", 200);
    throw brokenBody(upstream, error);
  }
}

class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

async function readUpTo(response: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels the body, which closes the connection.
    if (length > bytesMax) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function malformed(upstream: Upstream, what: string, status: number): Failure {
  return failureWithoutAnswer(upstream, "upstream", {
    message: `The provider '${upstream.name}' sent something that is no answer. ${what}`,
    code: "provider_malformed_answer",
    dispatched: true,
    detail: `status ${status}: ${what}`,
  });
}

/** The head had come, so the request has been worked on, whoever broke the connection then. */
function brokenBody(upstream: Upstream, error: unknown): Failure {
  const wasAborted = error instanceof Error && error.name === "AbortError";
  return failureWithoutAnswer(upstream, wasAborted ? "invalid" : "upstream", {
    message: wasAborted
      ? "The client closed the connection before the answer."
      : `The provider '${upstream.name}' broke the connection in the middle of its answer. Try again.`,
    code: wasAborted ? CLIENT_CLOSED : "provider_connection_lost",
    dispatched: true,
    detail: wasAborted ? "client left" : "body broken",
    ...(wasAborted ? { status: 499 } : {}),
  });
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
