/**
 * Calls that the worker makes on behalf of a key: lines of batches, responses in the background. They are calls like any
 * others, but nobody waits at the other end of a socket: the answer is kept in the database before it is settled, and is
 * charged if and only if it was kept.
 */
import { timingSafeEqual } from "node:crypto";
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { isUuid } from "../../lib/ids.ts";
import { type ServiceTier, serviceTiers } from "../../lib/service-tiers.ts";

export type Work = {
  jobId: string;
  principal: Principal;
  serviceTier: ServiceTier;
  /** Set when the answer is kept and settled. */
  isDone: boolean;
};

/** What the worker says of a call, in headers. */
export type WorkHead = {
  requestId: string;
  jobId: string;
  keyId: string;
  serviceTier: ServiceTier;
};

const KEY_ID_CHARS_MAX = 64;

/** The socket's folder is closed to other users; the token is for what else runs as this one. */
export function assertWorker(request: Request, internalToken: string): void {
  const given = Buffer.from(request.headers.get("authorization") ?? "");
  const wanted = Buffer.from(`Bearer ${internalToken}`);
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  throw new Failure("unauthenticated", "This socket is for the worker of this installation.");
}

export function readWorkHead({ headers }: Request): WorkHead {
  const requestId = headers.get("x-baseload-request") ?? "";
  const jobId = headers.get("x-baseload-job") ?? "";
  const keyId = headers.get("x-baseload-key") ?? "";
  const tier = headers.get("x-baseload-service-tier");
  const serviceTier = serviceTiers.find((known) => known === tier);
  // The last digit is the attempt's.
  const isRequestId = isUuid(requestId) && requestId.endsWith("0");
  const isKeyId = keyId !== "" && keyId.length <= KEY_ID_CHARS_MAX;
  if (isRequestId && isUuid(jobId) && isKeyId && serviceTier !== undefined) {
    return { requestId, jobId, keyId, serviceTier };
  }
  throw new Failure("invalid", "A call of a job names its request, job, key and service tier.");
}
