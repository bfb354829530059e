/**
 * One step of a plan: its candidate is asked, and, where the route says so, another one beside it when the first takes
 * long to begin. Both are metered: each has a hold and an attempt of its own, and whoever loses is settled like a call
 * that its client has left.
 */
import { sleep } from "../../lib/backoff.ts";
import { holdFor, releaseHold } from "../admit/reserve.ts";
import type { Gateway } from "../gateway.ts";
import { toUsage } from "./answer-parts.ts";
import {
  type Answer,
  askCandidate,
  isLeftBehind,
  type Leg,
  newLeg,
  type TimedAsking,
} from "./ask-candidate.ts";
import { inBackground } from "./background.ts";
import type { Failed, PlanWalk, Step } from "./plan-walk.ts";
import { type Seated, takeSeat } from "./take-seat.ts";

/** `failed`: the leg that holds the call's own hold comes first. */
export type StepOutcome = { answer: Answer } | { failed: readonly Failed[] };

type LegOutcome = { answer: Answer } | { failed: Failed };
type Running = { leg: Leg; outcome: Promise<LegOutcome> };

export async function askStep(
  gateway: Gateway,
  asking: TimedAsking,
  { step, walk }: { step: Step; walk: PlanWalk },
): Promise<StepOutcome> {
  let seated: Seated;
  try {
    if (step.waitMs > 0) await asking.deadline.sleep(step.waitMs);
    seated = await takeSeat(gateway, asking, { step, walk });
  } catch (error) {
    return { failed: [{ candidate: step.candidate, error }] };
  }
  const first = run(gateway, newLeg(gateway, asking, seated));
  const second = await startBeside(gateway, asking, { first, walk });
  if (second !== undefined) return await firstToAnswer(gateway, first, second);
  const outcome = await first.outcome;
  return "answer" in outcome ? outcome : { failed: [outcome.failed] };
}

const run = (gateway: Gateway, leg: Leg): Running => ({
  leg,
  outcome: askCandidate(gateway, leg).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ failed: { candidate: leg.candidate, error } }),
  ),
});

/** The second leg, once the first has taken too long; undefined when there is none, or nothing to pay it with. */
async function startBeside(
  gateway: Gateway,
  asking: TimedAsking,
  { first, walk }: { first: Running; walk: PlanWalk },
): Promise<Running | undefined> {
  const { plan, principal, request, payment } = asking;
  const { hedge } = plan.policy;
  if (hedge === undefined) return undefined;
  gateway.hedges.earn(plan.modelName, hedge.budgetPercent);
  const isLate = await Promise.race([first.outcome.then(() => false), sleep(hedge.afterMs)]);
  if (!isLate || !gateway.hedges.canSpend(plan.modelName)) return undefined;
  const step = walk.beside();
  const seat = step && gateway.rooms.tryEnter(step.candidate.limit);
  // Neither room nor money is waited for: the call would only get slower.
  if (step === undefined || seat === undefined) return undefined;
  if (payment.hold === undefined) return run(gateway, newLeg(gateway, asking, { step, seat }));
  const need = holdFor(request, payment, step.candidate);
  const hold = gateway.pool.tryReserve(principal.walletIds, need);
  if (hold === undefined) {
    seat.release();
    return undefined;
  }
  gateway.hedges.spend(plan.modelName);
  const paid = { ...asking, payment: { ...payment, hold } };
  return run(gateway, newLeg(gateway, paid, { step, seat }));
}

async function firstToAnswer(
  gateway: Gateway,
  first: Running,
  second: Running,
): Promise<StepOutcome> {
  const isFirst = await Promise.race([
    first.outcome.then(() => true),
    second.outcome.then(() => false),
  ]);
  const [early, late] = isFirst ? [first, second] : [second, first];
  const earlier = await early.outcome;
  if ("answer" in earlier) {
    inBackground(gateway, giveUp(gateway, late));
    return earlier;
  }
  const later = await late.outcome;
  if ("answer" in later) {
    releaseFailed(gateway, early.leg, earlier.failed);
    return later;
  }
  const [ofFirst, ofSecond] = isFirst
    ? [earlier.failed, later.failed]
    : [later.failed, earlier.failed];
  releaseFailed(gateway, second.leg, ofSecond);
  return { failed: [ofFirst, ofSecond] };
}

/** The other leg has answered. What this one has used is found out and charged. */
async function giveUp(gateway: Gateway, { leg, outcome }: Running): Promise<void> {
  leg.isGivenUp = true;
  leg.stop.abort();
  const found = await outcome;
  if ("failed" in found) return releaseFailed(gateway, leg, found.failed);
  const { opened } = found.answer;
  const usage = opened.kind === "whole" ? toUsage(opened.whole.usage) : undefined;
  if (opened.kind === "stream") opened.source.close();
  if (usage === undefined) await leg.attempt.settleUnreported("disconnected", { outputTokens: 0 });
  else await leg.attempt.settle("disconnected", usage);
}

/** An attempt that failed has left its hold to the next one, and here there is none. */
function releaseFailed(gateway: Gateway, leg: Leg, { error }: Failed): void {
  if (!isLeftBehind(error)) releaseHold(gateway, leg.payment);
}
