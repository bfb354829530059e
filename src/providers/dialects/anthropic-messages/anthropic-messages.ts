/** Anthropic's Messages API: https://platform.claude.com/docs/en/api/messages */
import type { ChatDialect } from "../dialect.ts";
import { decodeAnswer } from "./decode-answer.ts";
import { decodeRequest } from "./decode-request.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { encodeRequest } from "./encode-request.ts";
import { errorBody, errorFrame } from "./errors.ts";
import { MessageTap } from "./message-tap.ts";
import { passRequest } from "./pass-request.ts";
import { readWhole } from "./read-whole.ts";
import { MessageStreamDecoder } from "./stream-decoder.ts";
import { MessageStreamEncoder } from "./stream-encoder.ts";

export const anthropicMessages: ChatDialect = {
  path: "/messages",
  endpoint: "messages",
  headers: { "anthropic-version": "2023-06-01" },

  passRequest,
  encodeRequest,
  decodeAnswer,
  streamDecoder: () => new MessageStreamDecoder(),

  decodeRequest,
  encodeAnswer,
  streamEncoder: (facts) => new MessageStreamEncoder(facts),
  errorBody,
  errorFrame,

  tap: () => new MessageTap(),
  readWhole,
};
