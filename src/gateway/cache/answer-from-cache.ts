/** A call whose answer is known: recorded as such, charged what a hit costs, and sent as it was. */
import type { Principal } from "../../domains/identity/index.ts";
import { rate } from "../../domains/metering/index.ts";
import { nanosCovering } from "../../lib/money.ts";
import { CACHE_HIT } from "../../lib/quantities.ts";
import type { Plan } from "../admit/candidate.ts";
import { NO_ADMISSION } from "../admit/limit-rate.ts";
import { reserveExactly } from "../admit/reserve.ts";
import { settledHeaders } from "../attempts/answer-parts.ts";
import { Attempt } from "../attempts/attempt.ts";
import { callHeaders } from "../client-errors.ts";
import type { Call, Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { CACHE_HEADER } from "./cache-slot.ts";
import type { CachedAnswer } from "./response-cache.ts";

export async function answerFromCache(
  gateway: Gateway,
  asked: { call: Call; principal: Principal; request: CallRequest; plan: Plan },
  cached: CachedAnswer,
): Promise<Response> {
  const { call, plan } = asked;
  const [candidate] = plan.candidates;
  // A hit costs nothing unless the price says so; it is recorded either way.
  const need = nanosCovering(rate(candidate.price, CACHE_HIT.quantities));
  const payment = await reserveExactly(gateway, asked, need);
  const attempt = new Attempt(gateway, {
    ...{ ...asked, payment, candidate, number: 0 },
    admission: NO_ADMISSION,
  });
  const settled = await attempt.settle("completed", CACHE_HIT);
  if (call.seen !== undefined) call.seen.isCacheHit = true;
  call.seen?.record?.answered(cached.bytes, cached.contentType);
  gateway.metrics.cacheHits.add(1);
  const ageSeconds = Math.floor((gateway.clock.monotonicMs() - cached.storedMs) / 1_000);
  return new Response(cached.bytes as Uint8Array<ArrayBuffer>, {
    headers: {
      "content-type": cached.contentType,
      ...callHeaders(call),
      [CACHE_HEADER]: "hit",
      age: String(ageSeconds),
      "x-baseload-model": cached.modelName,
      "x-baseload-provider": cached.provider,
      ...(cached.region === null ? {} : { "x-baseload-region": cached.region }),
      ...settledHeaders(settled, attempt.eventId),
    },
  });
}
