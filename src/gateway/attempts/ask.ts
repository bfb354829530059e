/** Walks the plan once, in order: a flat list, no recursion, and a known worst case. */
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { NO_USAGE } from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import { ask as askUpstream } from "../../providers/ask.ts";
import { assertEventStream } from "../../providers/assert-event-stream.ts";
import { encodeChatRequest } from "../../providers/dialects/openai-chat/encode.ts";
import {
  CLIENT_CLOSED,
  isWorthAnotherTry,
  mayHaveBeenDispatched,
} from "../../providers/upstream-failure.ts";
import type { Candidate, Plan } from "../admit/plan-call.ts";
import type { Call, Gateway, Payment } from "../gateway.ts";
import type { ChatRequest } from "../requests/read-chat-request.ts";
import { Attempt } from "./attempt.ts";

export type Asking = {
  call: Call;
  principal: Principal;
  plan: Plan;
  request: ChatRequest;
  payment: Payment;
};

export type Answer = {
  call: Call;
  plan: Plan;
  request: ChatRequest;
  payment: Payment;
  candidate: Candidate;
  attempt: Attempt;
  response: Response;
  /** Ends the upstream's work. */
  stop: AbortController;
};

export async function ask(gateway: Gateway, asking: Asking): Promise<Answer> {
  const { plan, call } = asking;
  const stop = stopWith(call.signal);
  let last: unknown;
  for (const [number, candidate] of plan.candidates.entries()) {
    const attempt = new Attempt(gateway, { ...asking, candidate, number });
    try {
      await attempt.begin();
      faultPoint("gateway: intent written");
      const response = await dispatch(gateway, asking, { candidate, attempt, signal: stop.signal });
      faultPoint("gateway: answer begun");
      return { ...asking, candidate, attempt, response, stop };
    } catch (error) {
      const hasNext = number + 1 < plan.candidates.length && isWorthAnotherTry(error);
      await settleFailed(gateway, { attempt, error, hasNext });
      last = error;
      if (!hasNext) break;
    }
  }
  throw last;
}

/** A listener rather than `AbortSignal.any`: one small object for each call, released with it. */
function stopWith(client: AbortSignal): AbortController {
  const stop = new AbortController();
  if (client.aborted) stop.abort();
  else client.addEventListener("abort", () => stop.abort(), { once: true });
  return stop;
}

async function dispatch(
  gateway: Gateway,
  { principal, request, payment }: Asking,
  to: { candidate: Candidate; attempt: Attempt; signal: AbortSignal },
): Promise<Response> {
  const { upstream, upstreamModel } = to.candidate;
  const response = await askUpstream(upstream, {
    path: "/chat/completions",
    body: encodeChatRequest(request.body, {
      upstreamModel,
      maxOutputTokens: payment.outputTokensMax,
      stream: request.isStream,
      quirks: upstream.quirks,
    }),
    attemptId: to.attempt.eventId,
    tenant: String(principal.organizationId),
    signal: to.signal,
    timeoutMs: gateway.limits.answerTimeoutMs,
  });
  if (request.isStream) await assertEventStream(upstream, response);
  return response;
}

/**
 * An attempt without an answer costs the client nothing, unless it was the client that left while the
 * provider may have been working.
 */
async function settleFailed(
  gateway: Gateway,
  failed: { attempt: Attempt; error: unknown; hasNext: boolean },
): Promise<void> {
  const { attempt, error, hasNext } = failed;
  const clientLeft = error instanceof Failure && error.code === CLIENT_CLOSED;
  if (clientLeft && mayHaveBeenDispatched(error)) {
    inBackground(gateway, attempt.settleUnreported("disconnected", { outputTokens: 0 }));
    return;
  }
  await attempt.settle("failed", NO_USAGE, hasNext);
}

/** Work that outlives its request: a stop waits for it, and its errors reach the log. */
export function inBackground(gateway: Gateway, work: Promise<unknown>): void {
  const tracked = work
    .catch((error: unknown) => gateway.log.error("a settlement could not be recorded", { error }))
    .finally(() => gateway.background.delete(tracked));
  gateway.background.add(tracked);
}
