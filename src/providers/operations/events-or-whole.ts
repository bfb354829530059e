/** Models that cannot stream answer a request for one with a whole answer, which is told as the events of one. */
import type { JsonObject } from "../../lib/json.ts";
import { assertEventStream } from "../assert-event-stream.ts";
import { readAnswer } from "../read-answer.ts";
import type { Upstream } from "../upstream.ts";

export async function eventsOrWhole(
  upstream: Upstream,
  response: Response,
  toEvents: (body: JsonObject) => JsonObject[],
): Promise<Response> {
  if (!response.headers.get("content-type")?.toLowerCase().includes("application/json")) {
    await assertEventStream(upstream, response);
    return response;
  }
  const { body } = await readAnswer(upstream, response);
  const frames = toEvents(body).map((event) => {
    const name = typeof event["type"] === "string" ? `event: ${event["type"]}\n` : "";
    return `${name}data: ${JSON.stringify(event)}\n\n`;
  });
  return new Response(frames.join(""), { headers: { "content-type": "text/event-stream" } });
}
