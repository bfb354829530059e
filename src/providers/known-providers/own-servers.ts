/** Servers that operators run themselves: addresses are those they have out of the box. */
import type { KnownProvider } from "./known-provider.ts";

const ollama: KnownProvider = {
  name: "ollama",
  title: "Ollama",
  dialect: "openai-chat",
  endpoints: [{ region: null, url: "http://127.0.0.1:11434/v1" }],
  keyVariable: null,
  quirks: {
    output_limit_field: "max_tokens",
    developer_role: "system",
    reasoning_replay: "reasoning",
    choices_max: 1,
    embedding_format: "float",
  },
  operations: ["chat", "embeddings"],
  prices: null,
  docs: "https://docs.ollama.com/api/openai-compatibility",
};

const vllm: KnownProvider = {
  name: "vllm",
  title: "vLLM",
  dialect: "openai-chat",
  endpoints: [{ region: null, url: "http://127.0.0.1:8000/v1" }],
  keyVariable: "VLLM_API_KEY",
  quirks: {
    output_limit_field: "max_tokens",
    developer_role: "system",
    system_first: true,
    reasoning_request: "chat_template_kwargs",
  },
  operations: ["chat", "embeddings", "rerank", "transcription"],
  prices: null,
  docs: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
};

const sglang: KnownProvider = {
  name: "sglang",
  title: "SGLang",
  dialect: "openai-chat",
  endpoints: [{ region: null, url: "http://127.0.0.1:30000/v1" }],
  keyVariable: "SGLANG_API_KEY",
  quirks: {
    output_limit_field: "max_tokens",
    developer_role: "system",
    system_first: true,
    reasoning_request: "chat_template_kwargs",
  },
  operations: ["chat", "embeddings", "rerank"],
  prices: null,
  docs: "https://docs.sglang.io/docs/basic_usage/openai_api_completions",
};

const llamaCpp: KnownProvider = {
  name: "llama-cpp",
  title: "llama.cpp server",
  dialect: "openai-chat",
  endpoints: [{ region: null, url: "http://127.0.0.1:8080/v1" }],
  keyVariable: "LLAMA_API_KEY",
  quirks: {
    output_limit_field: "max_tokens",
    developer_role: "system",
    system_first: true,
    reasoning_request: "chat_template_kwargs",
    embedding_format: "float",
  },
  operations: ["chat", "embeddings", "rerank"],
  prices: null,
  docs: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
};

export const ownServers: readonly KnownProvider[] = [ollama, vllm, sglang, llamaCpp];
