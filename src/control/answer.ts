/** Answers and errors as bytes. The only place of the control plane where an error is turned into an answer. */
import { Failure, toErrorBody } from "../lib/errors.ts";
import { isDatabaseUnavailable } from "../platform/db/unavailable.ts";
import type { Control } from "./control.ts";

/** Long enough for a restart of PostgreSQL. */
const DATABASE_RETRY_SECONDS = 2;

export function answerJson(
  body: unknown,
  options: { status: number; requestId: string; headers?: Record<string, string> },
): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status: options.status,
    headers: {
      "content-type": "application/json",
      // Answers hold keys and money: nothing between us and the caller may keep them.
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-request-id": options.requestId,
      ...options.headers,
    },
  });
}

export function answerFailure(failure: Failure, requestId: string): Response {
  const headers: Record<string, string> = {};
  if (failure.retryAfterSeconds !== undefined) {
    headers["retry-after"] = String(failure.retryAfterSeconds);
  }
  if (failure.status === 401) headers["www-authenticate"] = "Bearer";
  // A refused body is not read to its end, so the connection cannot be used again.
  if (failure.status === 413) headers["connection"] = "close";
  return answerJson(toErrorBody(failure), { status: failure.status, requestId, headers });
}

/** What the caller may know of an error. Everything that was not foreseen is logged with its stack. */
export function toFailure(control: Control, error: unknown, requestId: string): Failure {
  if (error instanceof Failure) return error;
  if (isDatabaseUnavailable(error)) {
    control.log.warn("the database could not be reached", { requestId, error });
    return new Failure("overloaded", "The database cannot be reached. Try again in a moment.", {
      code: "database_unavailable",
      retryAfterSeconds: DATABASE_RETRY_SECONDS,
    });
  }
  control.log.error("a request ended in a bug", { requestId, error });
  return new Failure(
    "upstream",
    `Something went wrong here. The control plane's log says more about request ${requestId}.`,
    { code: "internal_error", status: 500 },
  );
}
