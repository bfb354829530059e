import { type Backoff, backoffMs, sleep } from "../lib/backoff.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import type { Usage } from "../lib/quantities.ts";
import { ask } from "./ask.ts";
import { readUsage } from "./dialects/openai-chat/usage.ts";
import type { Upstream } from "./upstream.ts";
import { failureWithoutAnswer, type UpstreamCause } from "./upstream-failure.ts";

/** `running`: usage so far, still growing. `unknown`: the upstream never saw the attempt, or has forgotten it. */
export type LookedUp =
  | { state: "running"; usage: Usage | undefined }
  | { state: "finished"; usage: Usage }
  | { state: "unknown" };

const HEAD_TIMEOUT_MS = 5_000;
const BODY_BYTES_MAX = 65_536;
/** An attempt that was told to stop ends within a token; the first question comes soon. */
const BETWEEN_QUESTIONS: Backoff = { firstMs: 20, maxMs: 1_000 };

/**
 * Asks an upstream with the quirk `usage_lookup` what an attempt has used. Throws a `Failure` when it cannot be
 * asked, which says nothing about the attempt.
 */
export async function lookUpUsage(
  upstream: Upstream,
  attemptId: string,
  options: { signal: AbortSignal },
): Promise<LookedUp> {
  try {
    const path = `/attempts/${encodeURIComponent(attemptId)}`;
    const call = { method: "GET", path, attemptId, timeoutMs: HEAD_TIMEOUT_MS } as const;
    const response = await ask(upstream, { ...call, signal: options.signal });
    return readLookedUp(upstream, await response.text());
  } catch (error) {
    if (isNotFound(error)) return { state: "unknown" };
    throw error;
  }
}

/**
 * Asks again until the attempt is no longer running. After `deadlineMs` the last answer stands, or the last
 * failure is thrown when there was none.
 */
export async function awaitUsage(
  upstream: Upstream,
  attemptId: string,
  options: { signal: AbortSignal; deadlineMs: number; clock?: Clock },
): Promise<LookedUp> {
  const clock = options.clock ?? systemClock;
  const endMs = clock.monotonicMs() + options.deadlineMs;
  let last: LookedUp | Failure | undefined;
  for (let questions = 1; ; questions++) {
    last = await lookUpOrFailure(upstream, attemptId, options);
    const isOpen = last instanceof Failure || last.state === "running";
    // No jitter: attempts end at moments of their own.
    const waitMs = backoffMs(BETWEEN_QUESTIONS, questions, 1);
    const mayWait = clock.monotonicMs() + waitMs < endMs;
    if (!isOpen || !mayWait || !(await sleep(waitMs, options.signal))) break;
  }
  if (last instanceof Failure) throw last;
  return last;
}

async function lookUpOrFailure(
  upstream: Upstream,
  attemptId: string,
  options: { signal: AbortSignal },
): Promise<LookedUp | Failure> {
  try {
    return await lookUpUsage(upstream, attemptId, options);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function readLookedUp(upstream: Upstream, text: string): LookedUp {
  const body = parse(text.slice(0, BODY_BYTES_MAX));
  const { state, usage: raw } = body ?? {};
  const quantities = readUsage(raw);
  const usage: Usage | undefined =
    quantities === undefined ? undefined : { quantities, source: "lookup", raw };
  if (state === "running") return { state, usage };
  if (state === "finished" && usage !== undefined) return { state, usage };
  throw failureWithoutAnswer(upstream, "upstream", {
    message: `The provider '${upstream.name}' answered a question for usage with something else.`,
    code: "provider_malformed_answer",
    dispatched: true,
    detail: "usage lookup malformed",
  });
}

function isNotFound(error: unknown): boolean {
  const cause = error instanceof Failure ? (error.cause as UpstreamCause | undefined) : undefined;
  return cause?.status === 404;
}

function parse(text: string): { state?: unknown; usage?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
