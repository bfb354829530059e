import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readMessagesRequest } from "../requests/read-messages-request.ts";

/** POST /v1/messages */
export const messages = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readMessagesRequest);
