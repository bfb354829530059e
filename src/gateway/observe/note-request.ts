import type { Principal } from "../../domains/identity/index.ts";
import type { Call } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";

/** Who asks for what, for those who watch. */
export function noteRequest({ seen }: Call, principal: Principal, request: CallRequest): void {
  if (seen === undefined) return;
  seen.principal = principal;
  seen.operation = request.operation;
  seen.called = request.model;
  seen.isStream = request.isStream;
}
