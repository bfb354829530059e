/** POST /v1/responses */
import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { planCall } from "../admit/plan-call.ts";
import { answerCall } from "../answer-call.ts";
import { callHeaders } from "../client-errors.ts";
import { followResponse } from "../conversations/follow-response.ts";
import { queue } from "../conversations/in-background.ts";
import { type Answering, keepAnswer } from "../conversations/keep-answer.ts";
import { takeUp } from "../conversations/take-up.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readResponsesBody, toResponsesRequest } from "../requests/read-responses-request.ts";

export async function createResponse(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const asking = await readResponsesBody(call, gateway.limits);
  const turn = await takeUp(gateway, { call, principal, asking });
  const answering = { call, principal, turn };
  const isJob = call.work !== undefined;
  if (asking.asked.background === true && !isJob) return await answerLater(gateway, answering);
  return await answerCall(gateway, call, async () => ({
    ...toResponsesRequest(call, gateway, turn.whole),
    ...(turn.isStored && !isJob
      ? { onAnswered: (end: Uint8Array) => keepAnswer(gateway, answering, end) }
      : {}),
  }));
}

/** What would be refused at once is refused now; money is held when the work begins. */
async function answerLater(gateway: Gateway, answering: Answering): Promise<Response> {
  const { call, principal, turn } = answering;
  await planCall(gateway, principal, toResponsesRequest(call, gateway, turn.whole));
  admit(gateway, principal);
  const response = await queue(gateway, answering);
  if (turn.whole.asked.stream !== true) {
    return Response.json(response, { headers: callHeaders(call) });
  }
  const responseId = String(response["id"]);
  return followResponse(gateway, { call, tenant: principal, responseId, fromNumber: 0, response });
}
