import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readSpeechRequest } from "../requests/read-speech-request.ts";

/** POST /v1/audio/speech */
export const speech = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readSpeechRequest);
