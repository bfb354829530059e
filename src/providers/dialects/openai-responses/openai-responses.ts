/** OpenAI's Responses API. Conversations are kept by the gateway: every request upstream holds the whole of one. */
import { toErrorBody } from "../../../lib/errors.ts";
import type { ChatDialect } from "../dialect.ts";
import { decodeAnswer } from "./decode-answer.ts";
import { decodeRequest } from "./decode-request.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { encodeRequest } from "./encode-request.ts";
import { errorEvent } from "./errors.ts";
import { passRequest } from "./pass-request.ts";
import { readWhole } from "./read-whole.ts";
import { ResponsesTap } from "./responses-tap.ts";
import { ResponsesStreamDecoder } from "./stream-decoder.ts";
import { ResponsesStreamEncoder } from "./stream-encoder.ts";
import { toFrame } from "./wire-events.ts";

export const openAiResponses: ChatDialect = {
  path: "/responses",
  endpoint: "responses",
  passRequest,
  encodeRequest,
  decodeAnswer,
  streamDecoder: () => new ResponsesStreamDecoder(),
  decodeRequest,
  encodeAnswer,
  streamEncoder: (facts) => new ResponsesStreamEncoder(facts),
  errorBody: (failure) => toErrorBody(failure),
  // Before anything was sent: the first event of its stream.
  errorFrame: (failure) => toFrame({ ...errorEvent(failure), sequence_number: 0 }),
  tap: () => new ResponsesTap(),
  readWhole,
};
