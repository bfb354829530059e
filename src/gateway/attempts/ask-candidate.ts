/** Asks one candidate, until its answer has begun or it has failed. */
import { Failure } from "../../lib/errors.ts";
import { NO_USAGE } from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import {
  CLIENT_CLOSED,
  isWorthAnotherTry,
  mayHaveBeenDispatched,
} from "../../providers/upstream-failure.ts";
import type { Candidate } from "../admit/candidate.ts";
import type { Gateway } from "../gateway.ts";
import type { Asking } from "./ask.ts";
import { Attempt } from "./attempt.ts";
import { inBackground } from "./background.ts";
import type { Deadline } from "./deadline.ts";
import { openAnswer } from "./open-answer.ts";
import type { Opened } from "./opened.ts";
import type { Seated } from "./take-seat.ts";

export type TimedAsking = Asking & { deadline: Deadline };

/** One candidate being asked. */
export type Leg = TimedAsking & {
  candidate: Candidate;
  attempt: Attempt;
  /** Ends the upstream's work. */
  stop: AbortController;
  /** Another leg of the same call has answered. */
  isGivenUp: boolean;
};

export type Answer = Leg & { response: Response; opened: Opened };

export function newLeg(
  gateway: Gateway,
  asking: TimedAsking,
  { step: { candidate, number }, seat }: Seated,
): Leg {
  const attempt = new Attempt(gateway, { ...asking, candidate, number, seat });
  return { ...asking, candidate, attempt, stop: asking.deadline.newStop(), isGivenUp: false };
}

export async function askCandidate(gateway: Gateway, leg: Leg): Promise<Answer> {
  const { attempt, candidate, request } = leg;
  try {
    await attempt.begin();
    faultPoint("gateway: intent written");
    const sentMs = gateway.clock.monotonicMs();
    const response = await dispatch(gateway, leg);
    faultPoint("gateway: answer begun");
    const opened = await openAnswer(gateway, leg, response);
    const ms = gateway.clock.monotonicMs() - sentMs;
    attempt.begun(ms);
    gateway.health.answered(candidate, { ms, isStream: request.isStream });
    return { ...leg, response, opened };
  } catch (thrown) {
    const error = leg.deadline.explain(thrown);
    attempt.failed(error);
    leg.stop.abort();
    // A time that the client set says nothing about the provider.
    if (isWorthAnotherTry(error) && !leg.deadline.isOver) gateway.health.failed(candidate, error);
    await settleFailed(gateway, attempt, error);
    throw error;
  }
}

function dispatch(gateway: Gateway, leg: Leg): Promise<Response> {
  const { candidate, plan, request, payment, principal, attempt, stop } = leg;
  const timeoutMs = plan.policy.timeoutMs ?? gateway.limits.answerTimeoutMs;
  return request.exchange.send(candidate.upstream, {
    upstreamModel: candidate.upstreamModel,
    maxOutputTokens: Math.min(payment.outputTokensMax, candidate.maxOutputTokens),
    attemptId: attempt.eventId,
    tenant: String(principal.organizationId),
    signal: stop.signal,
    timeoutMs,
  });
}

/** The client left while the provider may have been working: what that costs is found out in the background. */
export const isLeftBehind = (error: unknown): boolean =>
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
