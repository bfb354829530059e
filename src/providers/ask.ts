import type { Upstream } from "./upstream.ts";

export type Ask = {
  /** Relative to the base URL, such as `/chat/completions`. */
  path: string;
  body: string | Uint8Array;
  /** Sent only to upstreams that can be asked for the attempt's usage afterwards. */
  attemptId: string;
  /** The client's: aborting it ends the call and the answer's body. */
  signal: AbortSignal;
  /** Until the head of the answer has arrived. The body is the caller's to time. */
  timeoutMs: number;
};

/** Calls a provider. Returns only answers of status 2xx; everything else is thrown as a `Failure`. */
export async function ask(upstream: Upstream, call: Ask): Promise<Response> {
  throw new Error(`to come: ${upstream.name} ${call.path}`);
}
