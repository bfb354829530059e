import { countInputTokensAt } from "../../providers/count-tokens.ts";
import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { planCall } from "../admit/plan-call.ts";
import { callHeaders } from "../client-errors.ts";
import { takeUp } from "../conversations/take-up.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readResponsesBody, toResponsesRequest } from "../requests/read-responses-request.ts";

/**
 * POST /v1/responses/input_tokens. Costs nothing, so nothing is held and nothing recorded; it counts against the key's
 * requests per minute. `x-baseload-token-count` says who has counted: the provider, or we, by an estimate.
 */
export async function countInputTokens(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const asking = await readResponsesBody(call, gateway.limits);
  const { whole } = await takeUp(gateway, { call, principal, asking });
  const request = toResponsesRequest(call, gateway, whole);
  const plan = await planCall(gateway, principal, request);
  admit(gateway, principal);
  const [{ upstream, upstreamModel }] = plan.candidates;
  const told = await countInputTokensAt(upstream, whole.body, {
    upstreamModel,
    attemptId: call.requestId,
    signal: call.signal,
    timeoutMs: gateway.limits.answerTimeoutMs,
  });
  return Response.json(
    { object: "response.input_tokens", input_tokens: told ?? request.inputTokensCounted },
    {
      headers: {
        ...callHeaders(call),
        "x-baseload-token-count": told === undefined ? "estimated" : "provider",
      },
    },
  );
}
