/** Calls that end without an answer, whatever they asked for. */
import { sleep } from "../lib/backoff.ts";
import { refusalOf, toErrorResponse } from "./refusal.ts";
import type { Script } from "./script.ts";
import type { Attempt, Served } from "./served.ts";

/** `signal` is aborted when the client leaves. */
type Counted = { id: string; served: Served; signal: AbortSignal };

export async function refuse(
  call: Counted,
  script: Script,
  error: NonNullable<Script["error"]>,
): Promise<Response> {
  const attempt = call.served.begin(call.id, { promptTokens: 0, cachedTokens: 0 });
  await sleep(script.first_token_delay_ms ?? 0, call.signal);
  call.served.end(attempt, "refused");
  return toErrorResponse(refusalOf(error));
}

/** Holds the connection until the client gives up. */
export function hang(call: Counted, attempt: Attempt): Promise<Response> {
  return new Promise((resolve) => {
    const leave = (): void => {
      call.served.end(attempt, "client_left");
      resolve(nobodyReadsThis());
    };
    if (call.signal.aborted) leave();
    else call.signal.addEventListener("abort", leave, { once: true });
  });
}

export function nobodyReadsThis(): Response {
  return new Response(null, { status: 499 });
}
