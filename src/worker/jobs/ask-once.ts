/** The one call of a job that makes one: run after run, until an answer is kept or refused for good. */
import { type Job, readKeptAnswer, runRequestId, takeRun } from "../../domains/jobs/index.ts";
import { backoffMs, sleep } from "../../lib/backoff.ts";
import type { JobContext, OnceAnswer, OnceCall } from "./kind.ts";
import { type Calling, judgeRefusal, type RunOutcome, runCall, settleLost } from "./run-call.ts";

const BACKOFF = { firstMs: 500, maxMs: 30_000 };
const FAILURES_MAX = 5;
const CANCEL_POLL_MS = 250;

export type AskingOnce = Calling & Pick<JobContext, "workerId" | "isCancelAsked">;

export async function askOnce(asking: AskingOnce, job: Job, call: OnceCall): Promise<OnceAnswer> {
  const { jobId, keyId, organizationId } = job;
  if (job.run > 0) {
    // An earlier claim may have got the answer, or its gateway still works on it.
    const requestId = runRequestId({ jobId, number: 0, run: job.run });
    const lost = () => settleLost(asking, { requestId, jobId, organizationId });
    const outcome = await orCancelled(asking, requestId, lost);
    const answer = await toAnswer(asking, job, { requestId, outcome, isLast: false });
    if (answer !== undefined) return answer;
  }
  for (let failures = 0; ; ) {
    if (asking.isCancelAsked()) return { outcome: "cancelled" };
    const run = await takeRun(asking.database, { jobId, workerId: asking.workerId });
    if (run === undefined) return { outcome: "stopped" };
    const requestId = runRequestId({ jobId, number: 0, run });
    const { path, body, serviceTier } = call;
    const asked = { requestId, jobId, organizationId, keyId, path, body, serviceTier };
    const outcome = await orCancelled(asking, requestId, () => runCall(asking, asked));
    if (isFailure(outcome)) failures += 1;
    const isLast = failures > FAILURES_MAX || asking.clock.nowMs() >= call.deadlineMs;
    const answer = await toAnswer(asking, job, { requestId, outcome, isLast });
    if (answer !== undefined) return answer;
    if (!(await sleep(waitAfter(outcome, failures), asking.signal))) return { outcome: "stopped" };
  }
}

type Ended = { requestId: string; outcome: RunOutcome; isLast: boolean };

/** Undefined: once more. */
async function toAnswer(
  { database }: AskingOnce,
  { organizationId }: Job,
  { requestId, outcome, isLast }: Ended,
): Promise<OnceAnswer | undefined> {
  if (outcome.outcome === "stopped") return { outcome: "stopped" };
  if (outcome.outcome === "kept") {
    const kept = await readKeptAnswer(database, { requestId, organizationId });
    if (kept === undefined) throw new Error(`the kept answer of ${requestId} is gone`);
    return { outcome: "kept", requestId, ...kept };
  }
  if (outcome.outcome !== "refused") {
    return isLast ? { outcome: "refused", requestId, status: 503, body: NO_GATEWAY } : undefined;
  }
  const isFinal = isLast || judgeRefusal(outcome) === "final";
  if (!isFinal) return undefined;
  return { outcome: "refused", requestId, status: outcome.status, body: outcome.body };
}

const NO_GATEWAY = JSON.stringify({
  error: {
    message: "No gateway could answer this in time. Try again.",
    type: "overloaded_error",
    param: null,
    code: "no_gateway",
  },
});

const isFailure = (outcome: RunOutcome): boolean =>
  outcome.outcome === "void" ||
  (outcome.outcome === "refused" && judgeRefusal(outcome) === "failure");

function waitAfter(outcome: RunOutcome, failures: number): number {
  const asked = outcome.outcome === "refused" ? (outcome.retryAfterMs ?? 0) : 0;
  return Math.max(asked, backoffMs(BACKOFF, Math.max(failures, 1), 1));
}

/** While a run is under way, somebody may ask for its end: the gateway is told, and the row says how it ended. */
async function orCancelled(
  { gateways, isCancelAsked }: AskingOnce,
  requestId: string,
  run: () => Promise<RunOutcome>,
): Promise<RunOutcome> {
  let isTold = false;
  const timer = setInterval(() => {
    if (isTold || !isCancelAsked()) return;
    isTold = true;
    void gateways.cancel(requestId);
  }, CANCEL_POLL_MS);
  try {
    return await run();
  } finally {
    clearInterval(timer);
  }
}
