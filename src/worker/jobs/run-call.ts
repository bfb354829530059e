/** One run of a call, to its certain end: kept, or refused, or void. Nothing is ever left open. */
import { type RunState, settleRun } from "../../domains/jobs/index.ts";
import { sleep } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Database } from "../../platform/db/database.ts";
import type { Gateways, PrivateAnswer, PrivateCall } from "./gateways.ts";

export type Calling = {
  database: Database;
  gateways: Gateways;
  clock: Clock;
  /** Aborted: whoever comes next finds out what became of the run. */
  signal: AbortSignal;
};

export type Run = { requestId: string; jobId: string; organizationId: bigint };

export type RunOutcome =
  | Exclude<PrivateAnswer, { outcome: "lost" }>
  /** It was lost with its gateway, and is not charged. */
  | { outcome: "void" }
  | { outcome: "stopped" };

export async function runCall(calling: Calling, call: PrivateCall & Run): Promise<RunOutcome> {
  const answer = await untilAborted(calling.signal, calling.gateways.call(call));
  if (answer === undefined) return { outcome: "stopped" };
  return answer.outcome === "lost" ? await settleLost(calling, call) : answer;
}

const POLL_MS = 100;
const POLL_MS_MAX = 1_000;
/** No call lasts as long: one that is still under way then is under way nowhere. */
const GIVE_UP_MS = 2 * 3_600_000;

/** What became of a run of which no answer has come, or of which somebody else waited for the answer. */
export async function settleLost(calling: Calling, run: Run): Promise<RunOutcome> {
  const { database, signal } = calling;
  for (let waitMs = POLL_MS; ; waitMs = Math.min(waitMs * 2, POLL_MS_MAX)) {
    const found = await settleRun(database, { ...run, isGivenUp: false });
    const isGivenUp = await isUnderWayNowhere(calling, run, found);
    const settled = isGivenUp ? await settleRun(database, { ...run, isGivenUp }) : found;
    if (settled.state === "kept" || settled.state === "void") return { outcome: settled.state };
    if (!(await sleep(waitMs, signal))) return { outcome: "stopped" };
  }
}

async function isUnderWayNowhere(
  { gateways, clock }: Calling,
  { requestId }: Run,
  found: RunState,
): Promise<boolean> {
  // Nobody has begun it. Should it still come to a gateway, it finds that it is void.
  if (found.state === "unknown") return true;
  if (found.state !== "begun") return false;
  const isOld = clock.nowMs() - found.begunAt.getTime() > GIVE_UP_MS;
  return isOld || !(await gateways.isUnderWay(found.gatewayId, requestId));
}

/** The call itself goes on: its gateway keeps the answer for whoever comes next. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const end = () => resolve(undefined);
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** Whether a refusal may pass, and how: `pushback` says that there is too much at once, `failure` counts. */
export function judgeRefusal(refusal: {
  status: number;
  code: string | undefined;
  retryAfterMs: number | undefined;
}): "pushback" | "failure" | "final" {
  const { status, code, retryAfterMs } = refusal;
  // Keys are revoked, never deleted: a gateway that does not know one has not heard of it yet.
  if (code === "invalid_api_key") return "pushback";
  if (status === 429 || status === 503 || status === 529) return "pushback";
  // A wallet that is empty stays so; one whose money is held by calls under way says when to come again.
  if (status === 402) return retryAfterMs === undefined ? "final" : "pushback";
  return status >= 500 || status === 408 || status === 409 ? "failure" : "final";
}
