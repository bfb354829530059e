import { answerCall } from "../answer-call.ts";
import type { Call, Gateway } from "../gateway.ts";
import { readImageEditRequest, readImagesRequest } from "../requests/read-images-request.ts";
import { uploadRoom } from "../requests/upload-room.ts";

/** POST /v1/images/generations */
export const imageGenerations = (gateway: Gateway, call: Call): Promise<Response> =>
  answerCall(gateway, call, readImagesRequest);

/** POST /v1/images/edits */
export async function imageEdits(gateway: Gateway, call: Call): Promise<Response> {
  using upload = uploadRoom.enter();
  return await answerCall(gateway, call, (one, limits) =>
    readImageEditRequest(one, limits, upload),
  );
}
