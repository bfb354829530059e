import {
  Failure,
  type FailureDetails,
  type FailureKind,
  failureKinds,
  toErrorBody,
} from "../lib/errors.ts";
import type { Script } from "./script.ts";

/** The failure that a script asks for. */
export function refusalOf(error: NonNullable<Script["error"]>): Failure {
  const details: FailureDetails = { status: error.status };
  if (error.code !== undefined) details.code = error.code;
  if (error.param !== undefined) details.param = error.param;
  if (error.retry_after !== undefined) details.retryAfterSeconds = error.retry_after;
  const message = error.message ?? `The sandbox was asked to fail with status ${error.status}.`;
  return new Failure(kindFor(error.status), message, details);
}

function kindFor(status: number): FailureKind {
  const kinds = Object.keys(failureKinds) as FailureKind[];
  const same = kinds.find((kind) => failureKinds[kind].status === status);
  return same ?? (status < 500 ? "invalid" : "upstream");
}

export function toErrorResponse(failure: Failure): Response {
  const headers = new Headers();
  if (failure.retryAfterSeconds !== undefined) {
    headers.set("retry-after", String(failure.retryAfterSeconds));
  }
  return Response.json(toErrorBody(failure), { status: failure.status, headers });
}
