import type { Principal } from "../../domains/identity/index.ts";
import type { Call, Gateway } from "../gateway.ts";

/** Who calls, as soon as that is known: also of calls that are refused then. Asked twice, it is drawn once. */
export function noteCaller(gateway: Gateway, { seen }: Call, principal: Principal): void {
  if (seen === undefined || seen.principal !== undefined) return;
  seen.principal = principal;
  seen.record = gateway.requestLog.begin(principal);
}
