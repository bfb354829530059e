/** OpenAI's chat completions, which most other providers speak as well. */
import { toErrorBody } from "../../../lib/errors.ts";
import type { ChatDialect } from "../dialect.ts";
import { ChatTap } from "./chat-tap.ts";
import { decodeAnswer } from "./decode-answer.ts";
import { decodeRequest } from "./decode-request.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { encodeRequest } from "./encode-request.ts";
import { passRequest } from "./pass-request.ts";
import { readWhole } from "./read-whole.ts";
import { ChatStreamDecoder } from "./stream-decoder.ts";
import { ChatStreamEncoder } from "./stream-encoder.ts";

export const openAiChat: ChatDialect = {
  path: "/chat/completions",
  endpoint: "chat_completions",
  passRequest,
  encodeRequest,
  decodeAnswer,
  streamDecoder: () => new ChatStreamDecoder(),
  decodeRequest,
  encodeAnswer,
  streamEncoder: (facts) => new ChatStreamEncoder(facts),
  errorBody: (failure) => toErrorBody(failure),
  errorFrame: (failure) => `data: ${JSON.stringify(toErrorBody(failure))}\n\n`,
  tap: (request) => new ChatTap(request),
  readWhole,
};
