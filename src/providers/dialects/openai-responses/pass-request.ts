import type { JsonObject } from "../../../lib/json.ts";
import { isWrappedSeal } from "../../neutral/seal.ts";
import type { EncodeOptions } from "../dialect.ts";
import { isRecord } from "../openai-chat/wire.ts";
import { toolLimitOf } from "./provider-tools.ts";

/**
 * The client's request as the upstream shall see it. Conversations are kept here and nowhere else: the provider gets
 * all of them with every request, and is asked to store nothing. Fields we do not know are kept.
 */
export function passRequest(request: JsonObject, options: EncodeOptions): JsonObject {
  const { previous_response_id: _, conversation: __, background: ___, ...rest } = request;
  return {
    ...rest,
    ...toolLimitOf(request),
    input: withoutForeignThoughts(request["input"]),
    model: options.upstreamModel,
    max_output_tokens: options.maxOutputTokens,
    store: false,
  };
}

/** Thoughts that another provider has sealed: nobody else can read them, and OpenAI refuses the whole request. */
function withoutForeignThoughts(input: unknown): unknown {
  if (!Array.isArray(input)) return input;
  return input.filter((item: unknown) => !(isRecord(item) && isUnreadable(item)));
}

/**
 * Also those without any seal: OpenAI knows such an item by its id only, and as nothing is stored there, it knows none.
 */
function isUnreadable(item: JsonObject): boolean {
  if (item["type"] !== "reasoning") return false;
  const { encrypted_content: encrypted, content } = item;
  if (typeof encrypted === "string") return isWrappedSeal(encrypted);
  return !Array.isArray(content) || content.length === 0;
}
