import type { Failure } from "../lib/errors.ts";
import { CLIENT_CLOSED, failureWithoutAnswer } from "./upstream-failure.ts";

/**
 * Codes of errors from before the first byte of the request was sent: no such name or host, nobody listens, the
 * TLS handshake failed. A connection that breaks later may have carried the request.
 */
const BEFORE_THE_REQUEST =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EPROTO|ERR_TLS_\w+|CERT_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_CERT\w*|HOSTNAME_MISMATCH|INVALID_CA)$/;

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "unknown";
}

/** Whether it is certain that nothing of the request was sent. */
export function neverConnected(error: unknown): boolean {
  return BEFORE_THE_REQUEST.test(codeOf(error));
}

export function clientClosed(upstream: { name: string }, told: { dispatched: boolean }): Failure {
  return failureWithoutAnswer(upstream, "invalid", {
    message: "The client closed the connection before the answer.",
    code: CLIENT_CLOSED,
    status: 499,
    dispatched: told.dispatched,
    detail: "client left",
  });
}

/** Why a call has no answer at all. */
export function failureFromNetwork(
  upstream: { name: string },
  error: unknown,
  ended: { clientLeft: boolean; isOver: boolean },
): Failure {
  const name = `The provider '${upstream.name}'`;
  const dispatched = !neverConnected(error);
  // Bun's messages hold the address, so only the code is kept.
  const told = { dispatched, detail: codeOf(error) };
  if (ended.clientLeft) return clientClosed(upstream, { dispatched });
  if (ended.isOver || /TIMEDOUT|timeout/i.test(told.detail)) {
    const message = `${name} did not answer in time. Try again, or ask for less.`;
    return failureWithoutAnswer(upstream, "timeout", {
      ...told,
      message,
      code: "provider_timeout",
    });
  }
  const [code, message] = dispatched
    ? ["provider_connection_lost", `${name} broke the connection before it answered. Try again.`]
    : ["provider_unreachable", `${name} cannot be reached. Try again later.`];
  return failureWithoutAnswer(upstream, "upstream", { ...told, message, code });
}
