import { Failure } from "../../lib/errors.ts";

/** A stream that is no answer: its provider is to blame, and another may do better. */
export function malformedStream(what: string, cause?: unknown): Failure {
  const code = "provider_malformed_answer";
  return new Failure("upstream", `The provider sent ${what}. Try again.`, { code, cause });
}
