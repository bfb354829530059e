/**
 * The headers of a client that go on to a provider of this dialect. Nothing else does: `anthropic-workspace-id` would
 * choose among the operator's workspaces, and the rest tells who the client is.
 */
import { Failure } from "../../../lib/errors.ts";

/** Values come and go with the clients' releases, so their form is checked and not their names. */
const VERSION = /^[\w.-]{1,64}$/;
const BETA = /^[\w.:-]{1,128}$/;
/** About four times what the busiest client sends. */
const BETAS_MAX = 64;

export function clientHeaders(headers: Headers): Record<string, string> {
  const version = headers.get("anthropic-version");
  const betas = betasIn(headers.get("anthropic-beta"));
  if (version !== null && !VERSION.test(version)) throw malformed("anthropic-version");
  return {
    ...(version === null ? {} : { "anthropic-version": version }),
    ...(betas.length === 0 ? {} : { "anthropic-beta": betas.join(",") }),
  };
}

function betasIn(header: string | null): string[] {
  const betas = (header ?? "").split(",").flatMap((beta) => beta.trim() || []);
  if (betas.length > BETAS_MAX || !betas.every((beta) => BETA.test(beta))) {
    throw malformed("anthropic-beta");
  }
  return betas;
}

const malformed = (name: string): Failure =>
  new Failure("invalid", `The header '${name}' is not valid.`, {
    code: "invalid_header",
    param: name,
  });
