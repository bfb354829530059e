import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readRerankRequest } from "../requests/read-rerank-request.ts";

/** POST /v1/rerank */
export const rerank = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readRerankRequest);
