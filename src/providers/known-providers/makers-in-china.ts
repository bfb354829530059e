/** Makers and clouds of China, most with a second address for the rest of the world. Keys hold in one region only. */
import type { KnownEndpoint, KnownProvider } from "./known-provider.ts";

/** The same services at each of its addresses. https://www.alibabacloud.com/help/en/model-studio/base-url */
function dashscope(region: string, host: string): KnownEndpoint {
  const native = `https://${host}/api/v1`;
  return {
    region,
    url: `https://${host}/compatible-mode/v1`,
    quirks: {
      dialect_urls: { "anthropic-messages": `https://${host}/apps/anthropic/v1` },
      endpoint_urls: {
        rerank: `https://${host}/compatible-api/v1`,
        image_generation: native,
        image_edit: native,
      },
    },
  };
}

const alibaba: KnownProvider = {
  name: "alibaba",
  title: "Alibaba Cloud Model Studio",
  dialect: "openai-chat",
  endpoints: [
    dashscope("ap-southeast-1", "dashscope-intl.aliyuncs.com"),
    dashscope("cn-beijing", "dashscope.aliyuncs.com"),
    dashscope("us-east-1", "dashscope-us.aliyuncs.com"),
    dashscope("cn-hongkong", "cn-hongkong.dashscope.aliyuncs.com"),
  ],
  keyVariable: "DASHSCOPE_API_KEY",
  quirks: {
    also_speaks: ["anthropic-messages"],
    output_limit_field: "max_tokens",
    thoughts_beside_limit: true,
    developer_role: "system",
    reasoning_replay: "reasoning_content",
    reasoning_request: "enable_thinking",
    cache_marks: "cache_control",
    choices_max: 4,
    image_shape: "dashscope",
    paths: {
      rerank: "/reranks",
      image_generation: "/services/aigc/multimodal-generation/generation",
      image_edit: "/services/aigc/multimodal-generation/generation",
    },
  },
  operations: ["chat", "embeddings", "rerank", "image_generation", "image_edit"],
  prices: null,
  docs: "https://www.alibabacloud.com/help/en/model-studio/base-url",
};

const moonshot: KnownProvider = {
  name: "moonshot",
  title: "Moonshot AI (Kimi)",
  dialect: "openai-chat",
  endpoints: [
    {
      region: "global",
      url: "https://api.moonshot.ai/v1",
      quirks: { dialect_urls: { "anthropic-messages": "https://api.moonshot.ai/anthropic/v1" } },
    },
    {
      region: "cn",
      url: "https://api.moonshot.cn/v1",
      quirks: { dialect_urls: { "anthropic-messages": "https://api.moonshot.cn/anthropic/v1" } },
    },
  ],
  keyVariable: "MOONSHOT_API_KEY",
  quirks: {
    also_speaks: ["openai-responses", "anthropic-messages"],
    dialect_auth: { "anthropic-messages": "bearer" },
    output_limit_field: "max_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning_content",
    reasoning_request: "thinking",
    max_temperature: 1,
    choices_max: 5,
  },
  operations: ["chat"],
  prices: "moonshotai",
  docs: "https://platform.moonshot.ai/docs/api/chat",
};

const zhipu: KnownProvider = {
  name: "zhipu",
  title: "Zhipu AI (GLM, Z.ai)",
  dialect: "openai-chat",
  endpoints: [
    {
      region: "global",
      url: "https://api.z.ai/api/paas/v4",
      quirks: { dialect_urls: { "anthropic-messages": "https://api.z.ai/api/anthropic/v1" } },
      prices: "zai",
    },
    {
      region: "cn",
      url: "https://open.bigmodel.cn/api/paas/v4",
      quirks: {
        dialect_urls: { "anthropic-messages": "https://open.bigmodel.cn/api/anthropic/v1" },
      },
    },
  ],
  keyVariable: "ZAI_API_KEY",
  quirks: {
    also_speaks: ["anthropic-messages"],
    dialect_auth: { "anthropic-messages": "bearer" },
    output_limit_field: "max_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning_content",
    reasoning_request: "thinking",
    max_temperature: 1,
    choices_max: 1,
    no_json_schema: true,
  },
  operations: ["chat", "embeddings", "image_generation"],
  prices: "zhipuai",
  docs: "https://docs.z.ai/api-reference/llm/chat-completion",
};

const minimax: KnownProvider = {
  name: "minimax",
  title: "MiniMax",
  dialect: "openai-chat",
  endpoints: [
    {
      region: "global",
      url: "https://api.minimax.io/v1",
      quirks: { dialect_urls: { "anthropic-messages": "https://api.minimax.io/anthropic/v1" } },
    },
    {
      region: "cn",
      url: "https://api.minimaxi.com/v1",
      quirks: { dialect_urls: { "anthropic-messages": "https://api.minimaxi.com/anthropic/v1" } },
    },
  ],
  keyVariable: "MINIMAX_API_KEY",
  quirks: {
    also_speaks: ["openai-responses", "anthropic-messages"],
    dialect_auth: { "anthropic-messages": "bearer" },
    output_limit_field: "max_completion_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning_details",
    reasoning_request: "thinking",
    max_temperature: 1,
    choices_max: 1,
    errors_in_body: "base_resp",
  },
  operations: ["chat"],
  prices: "minimax",
  docs: "https://platform.minimax.io/docs/api-reference/text-openai-api",
};

const volcengine: KnownProvider = {
  name: "volcengine",
  title: "Volcengine Ark (Doubao)",
  dialect: "openai-chat",
  endpoints: [{ region: "cn-beijing", url: "https://ark.cn-beijing.volces.com/api/v3" }],
  keyVariable: "ARK_API_KEY",
  quirks: {
    also_speaks: ["openai-responses"],
    // Its `max_tokens` counts no thoughts.
    output_limit_field: "max_completion_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning_content",
    reasoning_request: "thinking",
    choices_max: 1,
  },
  operations: ["chat", "embeddings", "image_generation"],
  prices: null,
  docs: "https://www.volcengine.com/docs/82379/1494384",
};

const siliconflow: KnownProvider = {
  name: "siliconflow",
  title: "SiliconFlow",
  dialect: "openai-chat",
  endpoints: [
    { region: "global", url: "https://api.siliconflow.com/v1" },
    { region: "cn", url: "https://api.siliconflow.cn/v1" },
  ],
  keyVariable: "SILICONFLOW_API_KEY",
  quirks: {
    also_speaks: ["anthropic-messages"],
    dialect_auth: { "anthropic-messages": "bearer" },
    output_limit_field: "max_tokens",
    thoughts_beside_limit: true,
    developer_role: "system",
    reasoning_request: "enable_thinking",
  },
  operations: ["chat", "embeddings", "rerank", "image_generation", "speech", "transcription"],
  prices: null,
  docs: "https://docs.siliconflow.cn/docs/api/chat-completions-post",
};

export const makersInChina: readonly KnownProvider[] = [
  alibaba,
  moonshot,
  zhipu,
  minimax,
  volcengine,
  siliconflow,
];
