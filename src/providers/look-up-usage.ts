import { type Backoff, backoffMs, sleep } from "../lib/backoff.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { type Quantities, quantityNames, type Usage } from "../lib/quantities.ts";
import { ask } from "./ask.ts";
import { readUsage } from "./dialects/openai-chat/usage.ts";
import { isRecord, parseRecord } from "./dialects/openai-chat/wire.ts";
import { countIn, quantitiesOf } from "./operations/counts.ts";
import { malformedAnswer, readBody } from "./read-body.ts";
import type { Upstream } from "./upstream.ts";
import { failureWithoutAnswer, type UpstreamCause } from "./upstream-failure.ts";

const decoder = new TextDecoder();

/** `running`: usage so far, still growing. `unknown`: the upstream never saw the attempt, or has forgotten it. */
export type LookedUp =
  | { state: "running"; usage: Usage | undefined }
  | { state: "finished"; usage: Usage }
  | { state: "unknown" };

/** Of one question, until the whole answer is read. */
const TIMEOUT_MS = 5_000;
const BODY_BYTES_MAX = 65_536;
/** An attempt that was told to stop ends within a token; the first question comes soon. */
const BETWEEN_QUESTIONS: Backoff = { firstMs: 20, maxMs: 1_000 };
/** Together 300 ms of waiting. */
const QUESTIONS_UNTIL_UNKNOWN = 5;

/**
 * Asks an upstream with the quirk `usage_lookup` what an attempt has used. Throws a `Failure` when it cannot be
 * asked, which says nothing about the attempt.
 */
export async function lookUpUsage(
  upstream: Upstream,
  attemptId: string,
  options: { signal: AbortSignal },
): Promise<LookedUp> {
  const late = AbortSignal.timeout(TIMEOUT_MS);
  const signal = AbortSignal.any([options.signal, late]);
  const path = `/attempts/${encodeURIComponent(attemptId)}`;
  try {
    const call = { method: "GET", path, attemptId, signal, timeoutMs: TIMEOUT_MS } as const;
    const response = await ask(upstream, call);
    return readLookedUp(upstream, await readBody(upstream, response, { bytesMax: BODY_BYTES_MAX }));
  } catch (error) {
    if (isNotFound(error)) return { state: "unknown" };
    if (late.aborted) throw tookTooLong(upstream);
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
    const isOpen = isStillOpen(last, questions);
    // No jitter: attempts end at moments of their own.
    const waitMs = backoffMs(BETWEEN_QUESTIONS, questions, 1);
    const mayWait = clock.monotonicMs() + waitMs < endMs;
    if (!isOpen || !mayWait || !(await sleep(waitMs, options.signal))) break;
  }
  if (last instanceof Failure) throw last;
  return last;
}

/**
 * A question may overtake the attempt itself, on another connection: that an upstream knows nothing of it is
 * believed only after some time.
 */
function isStillOpen(answer: LookedUp | Failure, questions: number): boolean {
  if (answer instanceof Failure || answer.state === "running") return true;
  return answer.state === "unknown" && questions < QUESTIONS_UNTIL_UNKNOWN;
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

function readLookedUp(upstream: Upstream, bytes: Uint8Array): LookedUp {
  const { state, usage: raw } = parseRecord(decoder.decode(bytes)) ?? {};
  const quantities = readByKind(raw) ?? readUsage(raw);
  const usage: Usage | undefined =
    quantities === undefined ? undefined : { quantities, source: "lookup", raw };
  if (state === "running") return { state, usage };
  if (state === "finished" && usage !== undefined) return { state, usage };
  throw malformedAnswer(upstream, "its answer about an attempt has no usage");
}

/** Beside chat, our own upstreams tell by our own names: tokens of sound and pieces have none in OpenAI's usage. */
function readByKind(raw: unknown): Quantities | undefined {
  const told = isRecord(raw) ? raw["quantities"] : undefined;
  if (!isRecord(told)) return undefined;
  return quantitiesOf(Object.fromEntries(quantityNames.map((name) => [name, countIn(told[name])])));
}

function tookTooLong(upstream: Upstream): Failure {
  return failureWithoutAnswer(upstream, "timeout", {
    message: `The provider '${upstream.name}' did not say in time what an attempt has used.`,
    code: "provider_timeout",
    dispatched: true,
    detail: "usage lookup timed out",
  });
}

function isNotFound(error: unknown): boolean {
  const cause = error instanceof Failure ? (error.cause as UpstreamCause | undefined) : undefined;
  return cause?.status === 404;
}
