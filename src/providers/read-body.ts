import type { Failure } from "../lib/errors.ts";
import { clientClosed } from "./network-failure.ts";
import { failureWithoutAnswer } from "./upstream-failure.ts";

/** The whole body of an answer; throws a `Failure` when it is longer than the limit, or breaks off. */
export async function readBody(
  upstream: { name: string },
  response: Response,
  options: { bytesMax: number },
): Promise<Uint8Array> {
  const announced = response.headers.get("content-length");
  try {
    // With an announced length the runtime reads no more than that, and in the fastest way.
    if (announced !== null && Number(announced) <= options.bytesMax) return await response.bytes();
    return await readUpTo(response, options.bytesMax);
  } catch (error) {
    throw brokenBody(upstream, error);
  }
}

/** An answer of status 2xx that is none: too large, not JSON, not what was asked for. */
export function malformedAnswer(upstream: { name: string }, what: string): Failure {
  return failureWithoutAnswer(upstream, "upstream", {
    message: `The provider '${upstream.name}' sent something that is no answer: ${what}. Try again.`,
    code: "provider_malformed_answer",
    dispatched: true,
    detail: what,
  });
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

/** The head had come, so the request has been worked on, whoever broke the connection then. */
function brokenBody(upstream: { name: string }, error: unknown): Failure {
  if (error instanceof BodyTooLarge) return malformedAnswer(upstream, "its body is too large");
  if (error instanceof Error && error.name === "AbortError") {
    return clientClosed(upstream, { dispatched: true });
  }
  return failureWithoutAnswer(upstream, "upstream", {
    message: `The provider '${upstream.name}' broke the connection in the middle of its answer. Try again.`,
    code: "provider_connection_lost",
    dispatched: true,
    detail: "body broken",
  });
}
