/** A response that is made later: stored with its job, in one transaction. */
import { queueResponse } from "../../domains/conversations/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { toResponse } from "../../providers/dialects/openai-responses/response-object.ts";
import type { Gateway } from "../gateway.ts";
import { assertMayKeep } from "./assert-may-keep.ts";
import { type Answering, toNewResponse } from "./keep-answer.ts";

/** @returns the response as it is queued. */
export async function queue(gateway: Gateway, answering: Answering): Promise<JsonObject> {
  const { call, turn, principal } = answering;
  assertMayKeep(
    principal,
    "there is nothing in the background: leave 'background' out",
    "background",
  );
  if (!turn.isStored) {
    throw new Failure(
      "invalid",
      "'background' needs a response that is stored, and this one is not: 'store' is false, or your organization forbids it.",
      { code: "background_not_stored", param: "background" },
    );
  }
  await gateway.responses.assertRoom(answering.principal.organizationId);
  const { body, asked } = turn.whole;
  const createdS = Math.floor(call.startedAtMs / 1_000);
  const facts = { requestId: call.requestId, model: asked.model, createdS, request: body };
  const response = toResponse(facts, [], { status: "queued" });
  const queued = toNewResponse(answering, { response, status: "queued" });
  const request = requestOf(body);
  await queueResponse(gateway.responses.database, { ...queued, jobId: call.requestId, request });
  return queued.response;
}

/** What the job puts: one answer in one piece, which stands for itself and which nobody else stores. */
function requestOf(body: JsonObject): JsonObject {
  const { stream: _, stream_options: __, background: ___, conversation, ...rest } = body;
  const { previous_response_id: ____, ...request } = rest;
  return { ...request, store: false };
}
