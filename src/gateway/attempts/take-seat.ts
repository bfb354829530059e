/** Room for an attempt at a model that answers only so many calls at once. */
import { clientClosed } from "../../providers/network-failure.ts";
import type { Candidate } from "../admit/candidate.ts";
import { rankOf } from "../capacity/fair-queue.ts";
import type { Seat } from "../capacity/model-rooms.ts";
import type { Gateway } from "../gateway.ts";
import type { TimedAsking } from "./ask-candidate.ts";
import type { PlanWalk, Step } from "./plan-walk.ts";

export type Seated = { step: Step; seat: Seat };

/**
 * A seat for the step's candidate, or for the next one of the plan that has room; where none has, this call waits for
 * the first of them.
 *
 * @throws Failure `rate_limited`, `overloaded`, or why the call ended while it waited.
 */
export async function takeSeat(
  gateway: Gateway,
  asking: TimedAsking,
  { step, walk }: { step: Step; walk: PlanWalk },
): Promise<Seated> {
  const crowded: Candidate[] = [];
  for (let at: Step | undefined = step; at !== undefined; at = walk.instead(at)) {
    const seat = gateway.rooms.tryEnter(at.candidate.limit);
    if (seat === undefined) {
      crowded.push(at.candidate);
      continue;
    }
    walk.putBack(crowded);
    return counted(gateway, { step: at, seat });
  }
  const [first, ...others] = crowded;
  walk.putBack(others);
  const candidate = first ?? step.candidate;
  return counted(gateway, {
    step: { ...step, candidate },
    seat: await waitFor(gateway, asking, candidate),
  });
}

function counted(gateway: Gateway, seated: Seated): Seated {
  const { limit } = seated.step.candidate;
  if (limit === undefined) return seated;
  try {
    gateway.rooms.countCall(limit);
    return seated;
  } catch (error) {
    seated.seat.release();
    throw error;
  }
}

async function waitFor(
  gateway: Gateway,
  { principal, request, deadline, call }: TimedAsking,
  { limit, upstream }: Candidate,
): Promise<Seat> {
  if (limit === undefined) throw new Error("what has no limit has room");
  const rank = rankAt(principal.priority, request.serviceTier);
  try {
    return await gateway.rooms.enter(limit, {
      organizationId: principal.organizationId,
      rank,
      signal: deadline.newStop().signal,
    });
  } catch (error) {
    if (call.signal.aborted) throw clientClosed(upstream, { dispatched: false });
    throw deadline.explain(error);
  }
}

/** What is paid as urgent goes first, and what is paid less for because it can wait goes last. */
function rankAt(
  priority: TimedAsking["principal"]["priority"],
  serviceTier: TimedAsking["request"]["serviceTier"],
): number {
  if (serviceTier === "priority") return rankOf["high priority"];
  return serviceTier === "standard" ? rankOf[priority] : rankOf["low flex"];
}
