/** Mistral: near to OpenAI's API, with thoughts, tools and refusals of its own. */
import { readUsage } from "../../dialects/openai-chat/usage.ts";
import { effortOf } from "../../neutral/reasoning-effort.ts";
import { type Api, NO_KEY } from "./api.ts";

export const mistral: Api = {
  open: async ({ baseURL, fetch, model }) => {
    const { createMistral } = await import("@ai-sdk/mistral");
    return createMistral({ apiKey: NO_KEY, baseURL, fetch })(model);
  },
  ownFields: new Set([
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "reasoning_effort",
    "safe_prompt",
    "guardrails",
    "prompt_cache_key",
  ]),
  readUsage,
  effort: ({ reasoning }) => (reasoning === undefined ? undefined : effortOf(reasoning)),
  options: ({ parallelToolCalls, cacheKey, responseFormat }) => ({
    mistral: {
      ...(parallelToolCalls === undefined ? {} : { parallelToolCalls }),
      ...(cacheKey === undefined ? {} : { promptCacheKey: cacheKey }),
      ...(responseFormat?.type === "json_schema" && responseFormat.strict === true
        ? { strictJsonSchema: true }
        : {}),
    },
  }),
};
