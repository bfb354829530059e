import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readEmbeddingsRequest } from "../requests/read-embeddings-request.ts";

/** POST /v1/embeddings */
export const embeddings = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readEmbeddingsRequest);
