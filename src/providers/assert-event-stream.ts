import { parseRecord } from "./dialects/openai-chat/wire.ts";
import { errorInBody } from "./error-in-body.ts";
import { malformedAnswer } from "./read-body.ts";
import { readErrorText } from "./read-error.ts";
import type { Upstream } from "./upstream.ts";
import { failureFromErrorObject } from "./upstream-failure.ts";

/** What no stream of events is, however freely providers name their types. */
const OTHER_TYPES = /json|html|xml/i;

/**
 * Throws a `Failure` when a stream was asked for and the answer is something else under status 200: an error, or
 * a page of a server in between. Nothing of it may reach the client, and another provider may do better.
 */
export async function assertEventStream(upstream: Upstream, response: Response): Promise<void> {
  if (!OTHER_TYPES.test(response.headers.get("content-type") ?? "")) return;
  const error = errorInBody(upstream, parseRecord(await readErrorText(response)));
  if (error !== undefined) throw failureFromErrorObject(upstream, error);
  throw malformedAnswer(upstream, "it is no stream of events");
}
