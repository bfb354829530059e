import { assert } from "../../lib/errors.ts";
import type { AnswerReader } from "../exchange.ts";
import type { Upstream } from "../upstream.ts";
import type { Door } from "./put.ts";

/** Requests for these operations cannot ask for a stream, so nobody reads one. */
export function noStream(upstream: Upstream, { endpoint }: Door): AnswerReader {
  assert(false, `${endpoint} of '${upstream.name}' has no streams`);
}
