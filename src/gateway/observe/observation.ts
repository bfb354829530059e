/**
 * What is known of a call for those who watch: filled in by the steps of its life, and handed over once, when it has
 * ended. No prompts, no answers, no credentials, but in `record`, which none of them looks at.
 */
import type { Principal } from "../../domains/identity/index.ts";
import type { Outcome } from "../../domains/metering/index.ts";
import type { Failure } from "../../lib/errors.ts";
import type { Picos } from "../../lib/money.ts";
import type { Operation } from "../../lib/operations.ts";
import type { Usage } from "../../lib/quantities.ts";
import type { CallRecord } from "../request-log/call-record.ts";

export type AttemptObservation = {
  eventId: string;
  number: number;
  provider: string;
  region: string | null;
  /** As the plan's model is called here. */
  model: string;
  /** As the provider calls it. */
  upstreamModel: string;
  /** Milliseconds since 1970. */
  startedAtMs: number;
  /** Until the answer had begun (a stream) or was there (whole); undefined while it has not. */
  firstPieceMs: number | undefined;
  /** Undefined: not over when the call was, such as the losing leg of a hedge. */
  endedAtMs: number | undefined;
  outcome: Outcome | undefined;
  usage: Usage | undefined;
  cost: Picos | undefined;
  failure: Failure | undefined;
};

export type CallObservation = {
  requestId: string;
  method: string;
  path: string;
  startedAtMs: number;
  /** W3C Trace Context, as the client sent it. */
  traceparent: string | null;
  principal: Principal | undefined;
  operation: Operation | undefined;
  /** As the client called it: a model or a route. */
  called: string | undefined;
  isStream: boolean;
  attempts: AttemptObservation[];
  /** Whether the answer came from our own cache. */
  isCacheHit: boolean;
  /** A stream goes on after the endpoint has returned: whoever ends it says so. */
  isOpen: boolean;
  endedAtMs: number;
  status: number;
  failure: Failure | undefined;
  /** For the request log of its organization, where that has one and the call is in its sample. */
  record: CallRecord | undefined;
};

/** Watches calls end. Must neither throw nor wait. */
export type Observer = { ended(call: CallObservation): void };

export function newObservation(
  { requestId, startedAtMs }: { requestId: string; startedAtMs: number },
  request: Request,
): CallObservation {
  return {
    requestId,
    method: request.method,
    path: pathOf(request.url),
    startedAtMs,
    traceparent: request.headers.get("traceparent"),
    principal: undefined,
    operation: undefined,
    called: undefined,
    isStream: false,
    attempts: [],
    isCacheHit: false,
    isOpen: false,
    endedAtMs: startedAtMs,
    status: 0,
    failure: undefined,
    record: undefined,
  };
}

/** Without its query, which may hold anything. Cheaper than parsing the URL. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const end = url.indexOf("?", start);
  return start === -1 ? "/" : url.slice(start, end === -1 ? undefined : end);
}

/** The attempt that answered; the last one when none did. */
export const decisiveAttempt = ({ attempts }: CallObservation): AttemptObservation | undefined =>
  attempts.find(({ outcome }) => outcome === "completed") ?? attempts.at(-1);
