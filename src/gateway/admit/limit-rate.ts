/**
 * Requests and tokens per minute of a key, over all gateway processes of this machine. Requests are counted
 * when they come, tokens when they are known, so tokens may overshoot by what is in flight.
 */
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Gateway } from "../gateway.ts";

const WINDOW_MS = 60_000;

export function admit(gateway: Gateway, principal: Principal): void {
  if (principal.rpm === null && principal.tpm === null) return;
  // Not the time at which the call began: a body that takes long to come would count in a minute that is over.
  const nowMs = gateway.clock.nowMs();
  const minute = Math.floor(nowMs / WINDOW_MS);
  const count = gateway.counters.add(principal.keyId, minute, { requests: 1, tokens: 0 });
  const isOverRequests = principal.rpm !== null && count.requests > principal.rpm;
  const isOverTokens = principal.tpm !== null && count.tokens >= principal.tpm;
  if (!isOverRequests && !isOverTokens) return;
  // A refused request does not count, or a client that keeps trying would never get in again.
  gateway.counters.add(principal.keyId, minute, { requests: -1, tokens: 0 });
  const limit = isOverRequests ? `${principal.rpm} requests` : `${principal.tpm} tokens`;
  throw new Failure("rate_limited", `This key may use ${limit} per minute. Wait a moment.`, {
    code: "rate_limit_exceeded",
    retryAfterSeconds: Math.ceil((WINDOW_MS - (nowMs % WINDOW_MS)) / 1_000),
  });
}

export function countTokens(gateway: Gateway, principal: Principal, tokens: number): void {
  if (principal.tpm === null) return;
  const minute = Math.floor(gateway.clock.nowMs() / WINDOW_MS);
  gateway.counters.add(principal.keyId, minute, { requests: 0, tokens });
}
