/** POST on the private socket: one call of a job, from its head to its row's last state. */

import type { Principal } from "../../domains/identity/index.ts";
import { assert, Failure } from "../../lib/errors.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import { assertUsable, findPrincipal } from "../admit/authenticate.ts";
import { inBackground } from "../attempts/background.ts";
import { assertMayKeep } from "../conversations/assert-may-keep.ts";
import type { Call, Gateway } from "../gateway.ts";
import { type Answering, type Endpoint, handleCall, newCall } from "../handle.ts";
import { assertWorker, readWorkHead, type WorkHead } from "./work.ts";

export async function answerWork(
  gateway: Gateway,
  request: Request,
  { endpoint, dialect }: Answering,
): Promise<Response> {
  const call = newCall(gateway, request, dialect);
  let code: string | undefined;
  const response = await handleCall(gateway, call, async () => {
    try {
      return await answer(gateway, call, endpoint);
    } catch (error) {
      code = error instanceof Failure ? error.code : undefined;
      throw error;
    }
  });
  // Every dialect has its own place for the code in the body, or none.
  if (code !== undefined) response.headers.set("x-baseload-error-code", code);
  return response;
}

async function answer(gateway: Gateway, call: Call, endpoint: Endpoint): Promise<Response> {
  assertWorker(call.request, gateway.internalToken);
  const head = readWorkHead(call.request);
  call.requestId = head.requestId;
  if (call.seen !== undefined) call.seen.requestId = head.requestId;
  assertRoom(gateway, head);
  const principal = await principalOf(gateway, call, head);
  return await begun(gateway, { head, principal }, async (signal) => {
    const { jobId, serviceTier } = head;
    const work = { jobId, principal, serviceTier, isDone: false };
    const response = await endpoint(gateway, { ...call, signal, work });
    assert(work.isDone, `an answer of ${head.requestId} was not kept`);
    return response;
  });
}

/**
 * GET and DELETE /runs/<request id>: whether a call is under way here; and its end, without an answer if there was none yet.
 * 404 when it is not: then it never will be.
 */
export function answerRun(gateway: Gateway, request: Request, requestId: string): Response {
  try {
    assertWorker(request, gateway.internalToken);
  } catch {
    return new Response("not allowed\n", { status: 401 });
  }
  const work = gateway.works.get(requestId);
  if (work === undefined) return new Response("not under way\n", { status: 404 });
  if (request.method === "DELETE") work.abort();
  return new Response(null, { status: 204 });
}

/** Interactive calls come first: they never wait for a batch, which has a day. */
function assertRoom(gateway: Gateway, { serviceTier }: WorkHead): void {
  const { works, attempts, limits } = gateway;
  const isBusy = serviceTier === "batch" && attempts.size - works.size >= limits.batchYieldsAt;
  const reason = gateway.isLeaving()
    ? "the gateway is stopping"
    : (gateway.journal.whyRefusing() ?? (isBusy ? "other calls come first" : undefined));
  if (reason === undefined) return;
  throw new Failure("overloaded", `No work of jobs is taken at the moment: ${reason}.`, {
    code: isBusy ? "gateway_busy" : "not_taking_work",
    retryAfterSeconds: 1,
  });
}

/** A key that was revoked or has expired stops what is done on its behalf, too. */
async function principalOf(gateway: Gateway, call: Call, head: WorkHead): Promise<Principal> {
  const principal = await findPrincipal(gateway, head.keyId);
  assertUsable(principal, call);
  // Its answer would be kept. What was begun while that was allowed ends here.
  assertMayKeep(principal, "no work is done later");
  return principal;
}

/** However it ends, the row says so: nobody waits for a run that has failed. */
async function begun(
  gateway: Gateway,
  { head, principal }: { head: WorkHead; principal: Principal },
  answer: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const { requestId, jobId } = head;
  const { organizationId } = principal;
  assertNotUnderWay(gateway, requestId);
  // Not the request's signal: should the worker die, the answer is kept for whoever comes next.
  const stop = new AbortController();
  gateway.works.set(requestId, stop);
  try {
    if (!(await gateway.kept.begin({ requestId, jobId, organizationId }))) throw begunBefore();
    faultPoint("gateway: run begun");
    return await answer(stop.signal);
  } catch (error) {
    // Also where it is not known whether the row was made: what is begun must end.
    if (!isBegunBefore(error)) inBackground(gateway, gateway.kept.end(requestId));
    throw error;
  } finally {
    gateway.works.delete(requestId);
  }
}

function assertNotUnderWay(gateway: Gateway, requestId: string): void {
  if (gateway.works.has(requestId)) throw begunBefore();
}

const BEGUN_BEFORE = "run_begun_before";

const begunBefore = (): Failure =>
  new Failure("conflict", "This run was begun before, or is not wanted any more.", {
    code: BEGUN_BEFORE,
  });

const isBegunBefore = (error: unknown): boolean =>
  error instanceof Failure && error.code === BEGUN_BEFORE;
