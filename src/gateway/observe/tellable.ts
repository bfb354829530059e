import { Failure } from "../../lib/errors.ts";
import type { Call } from "../gateway.ts";

/**
 * An error as the process may log it. Providers repeat in their messages what they were sent, so of an organization of
 * which nothing may be kept only the code is written down.
 */
export function tellable({ seen }: Call, error: unknown): unknown {
  if (seen?.principal?.zeroRetention !== true) return error;
  if (error instanceof Failure) return error.code ?? error.kind;
  return error instanceof Error ? error.name : "unknown";
}
