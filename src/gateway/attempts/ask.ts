/** Walks the plan: a flat list, no recursion, and a known worst case. */
import type { Principal } from "../../domains/identity/index.ts";
import type { Plan } from "../admit/candidate.ts";
import type { Admission } from "../admit/limit-rate.ts";
import { releaseHold } from "../admit/reserve.ts";
import type { CacheSlot } from "../cache/cache-slot.ts";
import type { Call, Gateway, Payment } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { type Answer, isLeftBehind } from "./ask-candidate.ts";
import { askStep } from "./ask-step.ts";
import { Deadline } from "./deadline.ts";
import { type Failed, PlanWalk, type Step } from "./plan-walk.ts";

export type Asking = {
  call: Call;
  principal: Principal;
  plan: Plan;
  request: CallRequest;
  payment: Payment;
  admission: Admission;
  /** Where the answer is kept; undefined: nowhere. */
  cacheSlot: CacheSlot | undefined;
};

export async function ask(gateway: Gateway, asking: Asking): Promise<Answer> {
  const { plan, call, payment, admission } = asking;
  const deadline = new Deadline({
    clock: gateway.clock,
    signal: call.signal,
    timeoutMs: plan.policy.callTimeoutMs,
    onEnd: () => admission.release(),
  });
  const { health, clock } = gateway;
  const walk = new PlanWalk({ plan, deadline, health, clock, chance: Math.random });
  let failed: readonly Failed[] = [];
  let step: Step | undefined = walk.begin();
  while (step !== undefined) {
    const found = await askStep(gateway, { ...asking, deadline }, { step, walk });
    if ("answer" in found) return found.answer;
    failed = found.failed;
    step = walk.after(failed);
  }
  deadline.end();
  // An attempt that the client has left is settled in the background, and gives its hold back there.
  if (!isLeftBehind(failed[0]?.error)) releaseHold(gateway, payment);
  throw failed.at(-1)?.error;
}
