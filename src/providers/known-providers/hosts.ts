/** Services that host open models, or pass calls on to others. */
import type { KnownProvider } from "./known-provider.ts";

const groq: KnownProvider = {
  name: "groq",
  title: "Groq",
  dialect: "openai-chat",
  endpoints: [{ region: "global", url: "https://api.groq.com/openai/v1" }],
  keyVariable: "GROQ_API_KEY",
  quirks: {
    also_speaks: ["openai-responses"],
    output_limit_field: "max_completion_tokens",
    reasoning_replay: "reasoning",
    choices_max: 1,
  },
  operations: ["chat", "speech", "transcription"],
  prices: "groq",
  docs: "https://console.groq.com/docs/openai",
};

const openrouter: KnownProvider = {
  name: "openrouter",
  title: "OpenRouter",
  dialect: "openai-chat",
  endpoints: [{ region: "global", url: "https://openrouter.ai/api/v1" }],
  keyVariable: "OPENROUTER_API_KEY",
  quirks: {
    also_speaks: ["anthropic-messages"],
    dialect_auth: { "anthropic-messages": "bearer" },
    output_limit_field: "max_tokens",
    reasoning_replay: "reasoning_details",
    reasoning_request: "reasoning",
    cache_marks: "cache_control",
  },
  operations: ["chat", "embeddings"],
  prices: "openrouter",
  docs: "https://openrouter.ai/docs/api-reference/chat-completion",
};

const together: KnownProvider = {
  name: "together",
  title: "Together AI",
  dialect: "openai-chat",
  endpoints: [{ region: "global", url: "https://api.together.ai/v1" }],
  keyVariable: "TOGETHER_API_KEY",
  quirks: { output_limit_field: "max_tokens", developer_role: "system" },
  operations: ["chat", "embeddings", "rerank", "image_generation", "speech", "transcription"],
  prices: "together",
  docs: "https://docs.together.ai/docs/openai-api-compatibility",
};

const fireworks: KnownProvider = {
  name: "fireworks",
  title: "Fireworks AI",
  dialect: "openai-chat",
  endpoints: [
    { region: "global", url: "https://api.fireworks.ai/inference/v1" },
    { region: "us", url: "https://us.api.fireworks.ai/inference/v1" },
  ],
  keyVariable: "FIREWORKS_API_KEY",
  quirks: {
    also_speaks: ["anthropic-messages"],
    dialect_auth: { "anthropic-messages": "bearer" },
    output_limit_field: "max_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning_content",
  },
  operations: ["chat", "embeddings", "rerank"],
  prices: "fireworks",
  docs: "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
};

const nvidia: KnownProvider = {
  name: "nvidia",
  title: "NVIDIA NIM (API catalog)",
  dialect: "openai-chat",
  endpoints: [{ region: "global", url: "https://integrate.api.nvidia.com/v1" }],
  keyVariable: "NVIDIA_API_KEY",
  quirks: {
    output_limit_field: "max_tokens",
    developer_role: "system",
    reasoning_request: "chat_template_kwargs",
  },
  operations: ["chat", "embeddings"],
  prices: null,
  docs: "https://docs.api.nvidia.com/nim/reference/llm-apis",
};

export const hosts: readonly KnownProvider[] = [groq, openrouter, together, fireworks, nvidia];
