/**
 * The only place of the data plane where errors are caught and answered: a `Failure` becomes an
 * error in the dialect of the caller, anything else an opaque 500 whose request id leads to the log.
 */
import { Failure } from "../lib/errors.ts";
import { newRequestId } from "../lib/ids.ts";
import { isDatabaseUnavailable } from "../platform/db/unavailable.ts";
import type { ChatDialectName } from "../providers/upstream.ts";
import { callHeaders, encodeError } from "./client-errors.ts";
import type { Call, Gateway } from "./gateway.ts";
import { endCall } from "./observe/end-call.ts";
import { newObservation } from "./observe/observation.ts";
import { tellable } from "./observe/tellable.ts";

/** Long enough for a restart of PostgreSQL. */
const DATABASE_RETRY_SECONDS = 2;

export type Endpoint = (gateway: Gateway, call: Call) => Promise<Response>;

/** What answers a path, and in which dialect its errors are. */
export type Answering = { endpoint: Endpoint; dialect: ChatDialectName };

export function newCall(gateway: Gateway, request: Request, dialect: ChatDialectName): Call {
  const begun = { requestId: newRequestId(), startedAtMs: gateway.clock.nowMs() };
  return {
    ...begun,
    request,
    dialect,
    signal: request.signal,
    seen: newObservation(begun, request),
  };
}

export async function handle(
  gateway: Gateway,
  request: Request,
  { endpoint, dialect }: Answering,
): Promise<Response> {
  const call = newCall(gateway, request, dialect);
  return await handleCall(gateway, call, () => endpoint(gateway, call));
}

export async function handleCall(
  gateway: Gateway,
  call: Call,
  answer: () => Promise<Response>,
): Promise<Response> {
  gateway.metrics.callsInFlight.add(1);
  try {
    const response = await answer();
    if (call.seen?.isOpen === false) endCall(gateway, call, { status: response.status });
    return response;
  } catch (error) {
    return answerError(gateway, call, error);
  } finally {
    gateway.metrics.callsInFlight.add(-1);
  }
}

function answerError(gateway: Gateway, call: Call, error: unknown): Response {
  const failure = toFailure(error);
  gateway.metrics.countFailure(failure?.kind ?? "bug");
  if (failure === undefined) {
    gateway.log.error("a call ended in a bug", {
      requestId: call.requestId,
      error: tellable(call, error),
    });
  } else if (failure.status >= 500) {
    gateway.log.warn("a call failed", {
      requestId: call.requestId,
      error: tellable(call, failure),
    });
  }
  const told = failure ?? opaque(call);
  const response = errorResponse(call, told);
  endCall(gateway, call, { status: told.status, failure: told });
  return response;
}

/** Undefined for what was not foreseen. */
function toFailure(error: unknown): Failure | undefined {
  if (error instanceof Failure) return error;
  if (!isDatabaseUnavailable(error)) return undefined;
  return new Failure("overloaded", "The database cannot be reached. Try again in a moment.", {
    code: "database_unavailable",
    retryAfterSeconds: DATABASE_RETRY_SECONDS,
    cause: error,
  });
}

const opaque = (call: Call): Failure =>
  new Failure(
    "upstream",
    `Something went wrong here. Give the operator this id: ${call.requestId}`,
    {
      status: 500,
      code: "internal_error",
    },
  );

export function errorResponse(call: Call, failure: Failure): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...callHeaders(call),
  };
  if (failure.retryAfterSeconds !== undefined) {
    headers["retry-after"] = String(failure.retryAfterSeconds);
  }
  const body = JSON.stringify(encodeError(call, failure));
  call.seen?.record?.answered(Buffer.from(body), "application/json");
  return new Response(body, {
    status: failure.status,
    headers,
  });
}
