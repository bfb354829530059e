import { Failure } from "../../lib/errors.ts";
import type { Call } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";

/** A request of a job: of the job's service tier, and answered in one piece. */
export function forWork({ work }: Call, request: CallRequest): CallRequest {
  if (work === undefined) return request;
  if (request.isStream) {
    throw new Failure("invalid", "There is nobody to stream to. Leave 'stream' out.", {
      code: "stream_not_supported",
      param: "stream",
    });
  }
  return { ...request, serviceTier: work.serviceTier };
}
