/** Makers of models, at their own addresses. */
import type { KnownProvider } from "./known-provider.ts";

const openai: KnownProvider = {
  name: "openai",
  title: "OpenAI",
  dialect: "openai-chat",
  endpoints: [
    { region: "global", url: "https://api.openai.com/v1" },
    { region: "eu", url: "https://eu.api.openai.com/v1" },
    { region: "us", url: "https://us.api.openai.com/v1" },
  ],
  keyVariable: "OPENAI_API_KEY",
  quirks: { also_speaks: ["openai-responses"], output_limit_field: "max_completion_tokens" },
  operations: [
    "chat",
    "embeddings",
    "image_generation",
    "image_edit",
    "speech",
    "transcription",
    "moderation",
  ],
  prices: "openai",
  docs: "https://platform.openai.com/docs/api-reference",
};

const anthropic: KnownProvider = {
  name: "anthropic",
  title: "Anthropic",
  dialect: "anthropic-messages",
  endpoints: [{ region: "global", url: "https://api.anthropic.com/v1" }],
  keyVariable: "ANTHROPIC_API_KEY",
  quirks: {},
  operations: ["chat"],
  prices: "anthropic",
  docs: "https://docs.anthropic.com/en/api/messages",
};

const gemini: KnownProvider = {
  name: "gemini",
  title: "Google Gemini API",
  dialect: "ai-sdk",
  endpoints: [{ region: "global", url: "https://generativelanguage.googleapis.com/v1beta" }],
  keyVariable: "GEMINI_API_KEY",
  quirks: {
    ai_sdk_provider: "google",
    endpoint_urls: { embeddings: "https://generativelanguage.googleapis.com/v1beta/openai" },
  },
  operations: ["chat", "embeddings"],
  prices: "google",
  docs: "https://ai.google.dev/api/generate-content",
};

const mistral: KnownProvider = {
  name: "mistral",
  title: "Mistral AI",
  dialect: "ai-sdk",
  endpoints: [{ region: "eu", url: "https://api.mistral.ai/v1" }],
  keyVariable: "MISTRAL_API_KEY",
  quirks: {
    ai_sdk_provider: "mistral",
    paths: {
      embeddings: "/embeddings",
      transcription: "/audio/transcriptions",
      moderation: "/moderations",
    },
  },
  operations: ["chat", "embeddings", "transcription", "moderation"],
  prices: "mistral",
  docs: "https://docs.mistral.ai/api",
};

const cohere: KnownProvider = {
  name: "cohere",
  title: "Cohere",
  dialect: "ai-sdk",
  endpoints: [{ region: "global", url: "https://api.cohere.com/v2" }],
  keyVariable: "COHERE_API_KEY",
  quirks: {
    ai_sdk_provider: "cohere",
    paths: { rerank: "/rerank" },
    rerank_shape: "cohere",
    endpoint_urls: {
      embeddings: "https://api.cohere.ai/compatibility/v1",
      models: "https://api.cohere.com/v1",
    },
  },
  operations: ["chat", "embeddings", "rerank"],
  prices: "cohere",
  docs: "https://docs.cohere.com/v2/reference/chat",
};

const xai: KnownProvider = {
  name: "xai",
  title: "xAI",
  dialect: "openai-chat",
  endpoints: [
    { region: "global", url: "https://api.x.ai/v1" },
    { region: "us", url: "https://us.api.x.ai/v1" },
  ],
  keyVariable: "XAI_API_KEY",
  // Its reasoning tokens are beside `completion_tokens`, and show only in the total.
  quirks: { also_speaks: ["openai-responses"], output_limit_field: "max_completion_tokens" },
  operations: ["chat", "image_generation"],
  prices: "x-ai",
  docs: "https://docs.x.ai/docs/api-reference",
};

const deepseek: KnownProvider = {
  name: "deepseek",
  title: "DeepSeek",
  dialect: "openai-chat",
  endpoints: [{ region: "cn", url: "https://api.deepseek.com" }],
  keyVariable: "DEEPSEEK_API_KEY",
  quirks: {
    also_speaks: ["anthropic-messages"],
    dialect_urls: { "anthropic-messages": "https://api.deepseek.com/anthropic/v1" },
    output_limit_field: "max_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning_content",
    reasoning_request: "thinking",
    choices_max: 1,
    no_json_schema: true,
  },
  operations: ["chat"],
  prices: "deepseek",
  docs: "https://api-docs.deepseek.com/api/create-chat-completion",
};

export const makers: readonly KnownProvider[] = [
  openai,
  anthropic,
  gemini,
  mistral,
  cohere,
  xai,
  deepseek,
];
