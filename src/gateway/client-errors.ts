/** A failure in the words of the client's dialect, and the call's id under the names that its clients look for. */
import type { Failure } from "../lib/errors.ts";
import type { JsonObject } from "../lib/json.ts";
import { chatDialectOf, chatDialects } from "../providers/chat-dialects.ts";
import type { ChatDialect } from "../providers/dialects/dialect.ts";
import { limitHeaders } from "./admit/limit-headers.ts";
import type { Call } from "./gateway.ts";

/** What is no chat has the errors of OpenAI's chat API. */
const dialectOf = ({ dialect }: Call): ChatDialect =>
  chatDialectOf(dialect) ?? chatDialects["openai-chat"];

export const encodeError = (call: Call, failure: Failure): JsonObject =>
  dialectOf(call).errorBody(failure, call.requestId);

export const encodeErrorFrame = (call: Call, failure: Failure): string =>
  dialectOf(call).errorFrame(failure, call.requestId);

/** On every answer: the call's id, and how it stands with its limits. */
export const callHeaders = ({ requestId, dialect, standing }: Call): Record<string, string> => ({
  "x-request-id": requestId,
  ...(dialect === "anthropic-messages" ? { "request-id": requestId } : {}),
  ...(standing === undefined ? {} : limitHeaders(standing, dialect)),
});
