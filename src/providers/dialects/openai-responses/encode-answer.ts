import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerFacts, NeutralAnswer } from "../../neutral/answer.ts";
import { eventsOf } from "../../neutral/events-of.ts";
import { ResponsesStreamEncoder } from "./stream-encoder.ts";

/** A whole answer is what its stream would have come to. */
export function encodeAnswer(answer: NeutralAnswer, facts: AnswerFacts): JsonObject {
  const encoder = new ResponsesStreamEncoder(facts);
  for (const event of eventsOf(answer)) encoder.take(event);
  return encoder.response;
}
