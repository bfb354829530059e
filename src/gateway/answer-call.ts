/** The whole life of a call, top to bottom, the same for every operation and every dialect. */
import { authenticate } from "./admit/authenticate.ts";
import { admitCall, admitted } from "./admit/limit-rate.ts";
import { planCall } from "./admit/plan-call.ts";
import { reserve } from "./admit/reserve.ts";
import { ask } from "./attempts/ask.ts";
import { relay } from "./attempts/relay.ts";
import { answerFromCache } from "./cache/answer-from-cache.ts";
import { cacheSlotOf } from "./cache/cache-slot.ts";
import type { Call, Gateway } from "./gateway.ts";
import { noteRequest } from "./observe/note-request.ts";
import type { ReadCallRequest } from "./requests/call-request.ts";
import { forWork } from "./work/for-work.ts";

export async function answerCall(
  gateway: Gateway,
  call: Call,
  readRequest: ReadCallRequest,
): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const request = forWork(call, await readRequest(call, gateway.limits));
  noteRequest(call, request);
  const plan = await planCall(gateway, principal, request);
  // What a job does was admitted when the job was; how fast, its own queue decides.
  const admission =
    call.work === undefined
      ? admitCall(gateway, { call, principal }, request.inputTokensCounted)
      : admitted(gateway, principal);
  const asked = { call, principal, plan, request };
  try {
    const cacheSlot = cacheSlotOf(gateway, asked);
    const cached = cacheSlot?.read();
    if (cached !== undefined) {
      admission.release();
      return await answerFromCache(gateway, asked, cached);
    }
    const payment = await reserve(gateway, asked);
    const answer = await ask(gateway, { ...asked, payment, admission, cacheSlot });
    return await relay(gateway, answer);
  } catch (error) {
    admission.release();
    throw error;
  }
}
