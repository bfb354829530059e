import { ask } from "../ask.ts";
import { authenticate } from "../authenticate.ts";
import type { Call, Gateway } from "../gateway.ts";
import { admit } from "../limit-rate.ts";
import { planChat } from "../plan-chat.ts";
import { readChatRequest } from "../read-chat-request.ts";
import { relay } from "../relay.ts";
import { reserve } from "../reserve.ts";

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
