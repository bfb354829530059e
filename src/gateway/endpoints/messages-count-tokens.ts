import { countTokensAt } from "../../providers/count-tokens.ts";
import { anthropicMessages } from "../../providers/dialects/anthropic-messages/anthropic-messages.ts";
import { clientHeaders } from "../../providers/dialects/anthropic-messages/client-headers.ts";
import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { planCall } from "../admit/plan-call.ts";
import { callHeaders } from "../client-errors.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readCountRequest } from "../requests/read-messages-request.ts";

/**
 * POST /v1/messages/count_tokens. Costs nothing, so nothing is held and nothing recorded; it counts against the key's
 * requests per minute. `x-baseload-token-count` says who has counted: the provider, or we, by an estimate.
 */
export async function countMessageTokens(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const request = await readCountRequest(call, gateway.limits);
  const plan = await planCall(gateway, principal, request);
  admit(gateway, principal);
  const [{ upstream, upstreamModel }] = plan.candidates;
  const told = await countTokensAt(upstream, request.body ?? {}, {
    upstreamModel,
    headers: { ...anthropicMessages.headers, ...clientHeaders(call.request.headers) },
    attemptId: call.requestId,
    signal: call.signal,
    timeoutMs: gateway.limits.answerTimeoutMs,
  });
  return Response.json(
    { input_tokens: told ?? request.inputTokensCounted },
    {
      headers: {
        ...callHeaders(call),
        "x-baseload-token-count": told === undefined ? "estimated" : "provider",
      },
    },
  );
}
