import type { Gateway } from "../gateway.ts";

/** Work that outlives its request: a stop waits for it, and its errors reach the log. */
export function inBackground(gateway: Gateway, work: Promise<unknown>): void {
  const tracked = work
    .catch((error: unknown) => gateway.log.error("a settlement could not be recorded", { error }))
    .finally(() => gateway.background.delete(tracked));
  gateway.background.add(tracked);
}
