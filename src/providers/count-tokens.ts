import { Failure } from "../lib/errors.ts";
import type { JsonObject } from "../lib/json.ts";
import { type Ask, ask } from "./ask.ts";
import { speaks } from "./chat-dialects.ts";
import { withoutForeignThinking } from "./dialects/anthropic-messages/thinking-blocks.ts";
import { parseRecord } from "./dialects/openai-chat/wire.ts";
import { openAiResponses } from "./dialects/openai-responses/openai-responses.ts";
import { readBody } from "./read-body.ts";
import type { Upstream } from "./upstream.ts";
import { isWorthAnotherTry } from "./upstream-failure.ts";

/** An answer of one number. */
const BODY_BYTES_MAX = 65_536;
/** What servers answer that speak the dialect, but do not count. */
const NOT_SERVED = [405, 501];

const decoder = new TextDecoder();

type CountOptions = Pick<Ask, "upstreamModel" | "headers" | "attemptId" | "signal" | "timeoutMs">;

/**
 * Asks a provider how many tokens a request in Anthropic's dialect has, which costs nothing.
 *
 * @returns undefined where the provider cannot say: the caller counts instead.
 * @throws Failure for what is the client's own mistake
 */
export async function countTokensAt(
  upstream: Upstream,
  body: JsonObject,
  options: CountOptions,
): Promise<number | undefined> {
  if (!speaks(upstream, "anthropic-messages")) return undefined;
  const messages = withoutForeignThinking(body["messages"]);
  return await askForCount(upstream, {
    path: "/messages/count_tokens",
    endpoint: "count_tokens",
    dialect: "anthropic-messages",
    body: JSON.stringify({ ...body, model: options.upstreamModel, messages }),
    ...options,
  });
}

/** The fields of a Responses request that make its prompt, which are all that is taken. */
const PROMPT_FIELDS = [
  ...["input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning"],
  "truncation",
];

/** The same of a request in OpenAI's Responses. */
export async function countInputTokensAt(
  upstream: Upstream,
  body: JsonObject,
  options: CountOptions & { upstreamModel: string },
): Promise<number | undefined> {
  if (!speaks(upstream, "openai-responses")) return undefined;
  const passed = openAiResponses.passRequest(body, {
    ...{ upstreamModel: options.upstreamModel, maxOutputTokens: 1, quirks: upstream.quirks },
  });
  const prompt = PROMPT_FIELDS.flatMap((name) => (name in passed ? [[name, passed[name]]] : []));
  return await askForCount(upstream, {
    path: "/responses/input_tokens",
    endpoint: "input_tokens",
    dialect: "openai-responses",
    body: JSON.stringify({ model: options.upstreamModel, ...Object.fromEntries(prompt) }),
    ...options,
  });
}

async function askForCount(upstream: Upstream, question: Ask): Promise<number | undefined> {
  try {
    const response = await ask(upstream, question);
    const bytes = await readBody(upstream, response, { bytesMax: BODY_BYTES_MAX });
    const count = parseRecord(decoder.decode(bytes))?.["input_tokens"];
    return typeof count === "number" && count >= 0 ? count : undefined;
  } catch (error) {
    const isUnserved = error instanceof Failure && NOT_SERVED.includes(error.status);
    if (isUnserved || isWorthAnotherTry(error)) return undefined;
    throw error;
  }
}
