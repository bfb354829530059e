import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readChatRequest } from "../requests/read-chat-request.ts";

/** POST /v1/chat/completions */
export const chatCompletions = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readChatRequest);
