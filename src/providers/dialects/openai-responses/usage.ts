import type { JsonObject } from "../../../lib/json.ts";
import { inputTokensOf, outputTokensOf, type Quantities } from "../../../lib/quantities.ts";
import type { ReadUsage } from "../../neutral/answer.ts";
import { readUsage as readChatUsage } from "../openai-chat/usage.ts";
import { isRecord } from "../openai-chat/wire.ts";
import { piecesOf } from "./provider-tools.ts";

/**
 * The `usage` of a Responses answer as disjoint quantities whose sum is the provider's total; undefined when it is
 * none. It nests its parts as that of chat does, under other names.
 *
 * https://platform.openai.com/docs/api-reference/responses/object#responses/object-usage
 */
export function readUsage(wire: unknown): Quantities | undefined {
  if (!isRecord(wire)) return undefined;
  return readChatUsage({
    prompt_tokens: wire["input_tokens"],
    prompt_tokens_details: wire["input_tokens_details"],
    completion_tokens: wire["output_tokens"],
    completion_tokens_details: wire["output_tokens_details"],
    total_tokens: wire["total_tokens"],
  });
}

/** Of a whole response, with what the provider bills by the piece. */
export function usageOf(response: JsonObject): ReadUsage | undefined {
  const { usage, tool_usage } = response;
  const quantities = readUsage(usage);
  if (quantities === undefined) return undefined;
  const raw = tool_usage === undefined ? usage : { ...(usage as JsonObject), tool_usage };
  return { quantities: { ...quantities, ...piecesOf(response) }, raw };
}

/** Disjoint quantities as OpenAI nests them: `readUsage` reads the same quantities out of it again. */
export function writeUsage({ quantities }: ReadUsage) {
  const input = inputTokensOf(quantities);
  const output = outputTokensOf(quantities);
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: quantities.cache_read ?? 0,
      cache_write_tokens: (quantities.cache_write ?? 0) + (quantities.cache_write_1h ?? 0),
      ...(quantities.audio_input === undefined ? {} : { audio_tokens: quantities.audio_input }),
      ...(quantities.image_input === undefined ? {} : { image_tokens: quantities.image_input }),
    },
    output_tokens: output,
    output_tokens_details: {
      reasoning_tokens: quantities.reasoning ?? 0,
      ...(quantities.audio_output === undefined ? {} : { audio_tokens: quantities.audio_output }),
    },
    total_tokens: input + output,
  };
}
