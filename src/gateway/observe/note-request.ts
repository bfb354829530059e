import type { Call } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";

/** What is asked for, for those who watch. */
export function noteRequest({ seen }: Call, request: CallRequest): void {
  if (seen === undefined) return;
  seen.operation = request.operation;
  seen.called = request.model;
  seen.isStream = request.isStream;
}
