/** Walks the plan: a flat list, no recursion, and a known worst case. */
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { ZERO_NANOS } from "../../lib/money.ts";
import { NO_USAGE } from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import {
  CLIENT_CLOSED,
  isWorthAnotherTry,
  mayHaveBeenDispatched,
} from "../../providers/upstream-failure.ts";
import type { Candidate, Plan } from "../admit/candidate.ts";
import type { Call, Gateway, Payment } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { Attempt } from "./attempt.ts";
import { Deadline } from "./deadline.ts";
import { openAnswer } from "./open-answer.ts";
import type { Opened } from "./opened.ts";
import { PlanWalk, type Step } from "./plan-walk.ts";

export type Asking = {
  call: Call;
  principal: Principal;
  plan: Plan;
  request: CallRequest;
  payment: Payment;
};

/** One candidate being asked. */
export type Leg = Asking & {
  candidate: Candidate;
  attempt: Attempt;
  /** Ends the upstream's work. */
  stop: AbortController;
  deadline: Deadline;
};

export type Answer = Leg & { response: Response; opened: Opened };

export async function ask(gateway: Gateway, asking: Asking): Promise<Answer> {
  const { plan, call } = asking;
  const deadline = new Deadline({
    clock: gateway.clock,
    signal: call.signal,
    timeoutMs: plan.policy.timeoutMs,
  });
  const walk = new PlanWalk({
    plan,
    deadline,
    health: gateway.health,
    retryRounds: gateway.limits.retryRounds,
    chance: Math.random,
  });
  let last: unknown;
  for (let step: Step | undefined = walk.begin(); step !== undefined; step = walk.after(last)) {
    try {
      if (step.waitMs > 0) await deadline.sleep(step.waitMs);
      return await askCandidate(gateway, { ...asking, deadline }, step);
    } catch (error) {
      last = error;
    }
  }
  deadline.end();
  if (!isLeftBehind(last)) releaseHold(gateway, asking.payment);
  throw last;
}

async function askCandidate(
  gateway: Gateway,
  asking: Asking & { deadline: Deadline },
  { candidate, number }: Step,
): Promise<Answer> {
  const attempt = new Attempt(gateway, { ...asking, candidate, number });
  const leg: Leg = { ...asking, candidate, attempt, stop: asking.deadline.newStop() };
  try {
    await attempt.begin();
    faultPoint("gateway: intent written");
    const sentMs = gateway.clock.monotonicMs();
    const response = await dispatch(gateway, leg);
    faultPoint("gateway: answer begun");
    const opened = await openAnswer(gateway, leg, response);
    gateway.health.answered(candidate, gateway.clock.monotonicMs() - sentMs);
    return { ...leg, response, opened };
  } catch (thrown) {
    const error = asking.deadline.explain(thrown);
    leg.stop.abort();
    if (isWorthAnotherTry(error)) gateway.health.failed(candidate, error);
    await settleFailed(gateway, attempt, error);
    throw error;
  }
}

function dispatch(gateway: Gateway, leg: Leg): Promise<Response> {
  const { candidate, request, payment, principal, attempt, stop, deadline } = leg;
  return request.exchange.send(candidate.upstream, {
    upstreamModel: candidate.upstreamModel,
    maxOutputTokens: Math.min(payment.outputTokensMax, candidate.maxOutputTokens),
    attemptId: attempt.eventId,
    tenant: String(principal.organizationId),
    signal: stop.signal,
    timeoutMs: deadline.within(gateway.limits.answerTimeoutMs),
  });
}

/** The client left while the provider may have been working: what that costs is found out in the background. */
const isLeftBehind = (error: unknown): boolean =>
  error instanceof Failure && error.code === CLIENT_CLOSED && mayHaveBeenDispatched(error);

/** An attempt without an answer costs the client nothing, unless it was the client that left. */
async function settleFailed(gateway: Gateway, attempt: Attempt, error: unknown): Promise<void> {
  if (isLeftBehind(error)) {
    inBackground(gateway, attempt.settleUnreported("disconnected", { outputTokens: 0 }));
    return;
  }
  // The next attempt is paid from the same hold; whoever gives up gives it back.
  await attempt.settle("failed", NO_USAGE, true);
}

function releaseHold(gateway: Gateway, { hold }: Payment): void {
  if (hold !== undefined) gateway.pool.settle(hold, ZERO_NANOS);
}

/** Work that outlives its request: a stop waits for it, and its errors reach the log. */
export function inBackground(gateway: Gateway, work: Promise<unknown>): void {
  const tracked = work
    .catch((error: unknown) => gateway.log.error("a settlement could not be recorded", { error }))
    .finally(() => gateway.background.delete(tracked));
  gateway.background.add(tracked);
}
