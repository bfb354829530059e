import type { TranscriptionRequest } from "../../providers/operations/transcription.ts";
import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readTranscriptionRequest } from "../requests/read-transcription-request.ts";
import { uploadRoom } from "../requests/upload-room.ts";

/** POST /v1/audio/transcriptions */
export const transcriptions = (gateway: Gateway, call: Call): Promise<Response> =>
  answer(gateway, call, "transcribe");

/** POST /v1/audio/translations: into English. */
export const translations = (gateway: Gateway, call: Call): Promise<Response> =>
  answer(gateway, call, "translate");

async function answer(
  gateway: Gateway,
  call: Call,
  does: TranscriptionRequest["does"],
): Promise<Response> {
  using upload = uploadRoom.enter();
  return await answerCall(gateway, call, (one, limits) =>
    readTranscriptionRequest(one, limits, { does, upload }),
  );
}
