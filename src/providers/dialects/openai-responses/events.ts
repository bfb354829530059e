/** What the decoder, the tap and the encoder of a Responses stream agree on. */
import type { JsonObject } from "../../../lib/json.ts";
import type { SseFrame } from "../../../lib/sse.ts";
import { isError, isRecord } from "../openai-chat/wire.ts";

const TERMINAL: ReadonlySet<unknown> = new Set(["response.completed", "response.incomplete"]);

/** The last event of an answer that did not break off. */
export const isTerminal = (type: unknown): boolean => TERMINAL.has(type);

/**
 * What an event says of an error; undefined for events of an answer. The event `error` has its facts in itself or, as
 * OpenAI sends it at times, in an object; a failed response has them in the response.
 */
export function errorIn({ event, data }: SseFrame, body: JsonObject | undefined): unknown {
  const type = body?.["type"] ?? event;
  if (type === "response.failed" || type === "response.cancelled") {
    const response = isRecord(body?.["response"]) ? body["response"] : {};
    return isError(response["error"]) ? response["error"] : { message: `the event '${type}'` };
  }
  const error = body?.["error"];
  if (type !== "error" && !isError(error)) return undefined;
  return isError(error) ? error : (body ?? data ?? event);
}
