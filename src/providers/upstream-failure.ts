import { Failure } from "../lib/errors.ts";

/** The `cause` of every `Failure` that `ask` throws. For logs and for settlement, never for clients. */
export type UpstreamCause = {
  upstream: string;
  /** False only when it is certain that the upstream saw nothing of the request: it can have cost nothing. */
  dispatched: boolean;
  /** The upstream's own HTTP status, when it answered. */
  status: number | undefined;
  /** What happened, without credential and address. */
  detail: string;
};

/** Whether the upstream may have worked on the attempt that ended so. Unknown errors count as yes. */
export function mayHaveBeenDispatched(error: unknown): boolean {
  return !(
    error instanceof Failure && (error.cause as UpstreamCause | undefined)?.dispatched === false
  );
}

/** Whether the next attempt of the plan may do better: yes for the provider's faults, no for the client's. */
export function isWorthAnotherTry(error: unknown): boolean {
  if (!(error instanceof Failure) || error.code === "client_closed_request") return false;
  return ["upstream", "overloaded", "timeout", "rate_limited"].includes(error.kind);
}

/** An error frame or body that came with status 200, such as one in the middle of a stream. */
export function failureFromErrorObject(upstream: { name: string }, error: unknown): Failure {
  return new Failure("upstream", `to come: ${upstream.name} ${String(error)}`);
}
