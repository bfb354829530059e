import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readModerationRequest } from "../requests/read-moderation-request.ts";

/** POST /v1/moderations */
export const moderations = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readModerationRequest);
