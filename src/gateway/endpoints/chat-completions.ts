import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { planChat } from "../admit/plan-call.ts";
import { reserve } from "../admit/reserve.ts";
import { ask } from "../attempts/ask.ts";
import { relay } from "../attempts/relay.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readChatRequest } from "../requests/read-chat-request.ts";

/** POST /v1/chat/completions. The whole life of a call, top to bottom. */
export async function chatCompletions(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const request = await readChatRequest(call, gateway.limits);
  const plan = await planChat(gateway, principal, request);
  admit(gateway, principal);
  const payment = await reserve(gateway, { call, principal, plan, request });
  const answer = await ask(gateway, { call, principal, plan, request, payment });
  return await relay(gateway, answer);
}
