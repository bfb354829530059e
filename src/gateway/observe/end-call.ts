import type { Failure } from "../../lib/errors.ts";
import type { Call, Gateway } from "../gateway.ts";

/** Hands a call over to those who watch; the second time does nothing. */
export function endCall(
  gateway: Gateway,
  { seen }: Call,
  how: { status: number; failure?: Failure | undefined },
): void {
  if (seen === undefined || seen.status !== 0) return;
  seen.status = how.status;
  seen.failure = how.failure;
  seen.endedAtMs = gateway.clock.nowMs();
  for (const observer of gateway.observers) observer.ended(seen);
  seen.record?.end(seen);
}
