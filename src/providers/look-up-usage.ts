import type { Usage } from "../lib/quantities.ts";
import type { Upstream } from "./upstream.ts";

export type LookedUp =
  | { state: "running"; usage?: Usage }
  | { state: "finished"; usage: Usage }
  | { state: "unknown"; usage?: never };

/** Asks an upstream with the quirk `usage_lookup` what an attempt has used. `unknown`: it never saw it. */
export async function lookUpUsage(
  upstream: Upstream,
  attemptId: string,
  options: { signal: AbortSignal },
): Promise<LookedUp> {
  throw new Error(`to come: ${upstream.name} ${attemptId} ${options.signal.aborted}`);
}

/** Asks again until the attempt is no longer running, or until `deadlineMs` have passed. */
export async function awaitUsage(
  upstream: Upstream,
  attemptId: string,
  options: { signal: AbortSignal; deadlineMs: number },
): Promise<LookedUp> {
  return await lookUpUsage(upstream, attemptId, options);
}
