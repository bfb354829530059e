/** LiteLLM's names of providers (`groq` in `groq/llama-3.3-70b`), and what they are here. Data. */

export type KnownUpstream = {
  /** Of the provider that is connected; `openai-2` where several are needed. */
  readonly name: string;
  /** One of those that the control plane knows beforehand: it brings address, dialect and quirks. */
  readonly preset?: string;
  /** Where there is no preset. Undefined: the configuration has to say `api_base`. */
  readonly baseUrl?: string;
  /** Where LiteLLM looks for the key when the configuration names none. */
  readonly keys?: readonly string[];
  /** Where it looks for the address. */
  readonly addresses?: readonly string[];
  /** What LiteLLM puts behind an `api_base` that has no path. */
  readonly path?: string;
  /** It runs without a key. */
  readonly isKeyless?: true;
};

const preset = (name: string, ...keys: string[]): KnownUpstream => ({ name, preset: name, keys });
const host = (name: string, baseUrl: string, ...keys: string[]): KnownUpstream => ({
  name,
  baseUrl,
  keys,
});
/** A server that speaks OpenAI's chat at an address of the operator's own. */
const server = (name: string, known?: string): KnownUpstream => ({
  name,
  isKeyless: true,
  ...(known === undefined ? {} : { preset: known }),
});

const dashscope = preset("alibaba", "DASHSCOPE_API_KEY");
const vllm: KnownUpstream = { ...server("vllm", "vllm"), addresses: ["HOSTED_VLLM_API_BASE"] };
const ollama: KnownUpstream = {
  ...server("ollama", "ollama"),
  ...{ baseUrl: "http://127.0.0.1:11434/v1", path: "/v1", addresses: ["OLLAMA_API_BASE"] },
};
const cohere: KnownUpstream = preset("cohere", "COHERE_API_KEY", "CO_API_KEY");

export const upstreams: Readonly<Record<string, KnownUpstream>> = {
  openai: {
    ...preset("openai", "OPENAI_API_KEY"),
    addresses: ["OPENAI_BASE_URL", "OPENAI_API_BASE"],
  },
  // LiteLLM puts /v1/messages behind it.
  anthropic: {
    ...preset("anthropic", "ANTHROPIC_API_KEY"),
    ...{ path: "/v1", addresses: ["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"] },
  },
  gemini: preset("gemini", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
  mistral: preset("mistral", "MISTRAL_API_KEY"),
  cohere,
  cohere_chat: cohere,
  xai: preset("xai", "XAI_API_KEY"),
  deepseek: preset("deepseek", "DEEPSEEK_API_KEY"),
  groq: preset("groq", "GROQ_API_KEY"),
  openrouter: preset("openrouter", "OPENROUTER_API_KEY", "OR_API_KEY"),
  together_ai: preset("together", "TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"),
  fireworks_ai: preset("fireworks", "FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),
  nvidia_nim: preset("nvidia", "NVIDIA_NIM_API_KEY"),
  dashscope,
  moonshot: preset("moonshot", "MOONSHOT_API_KEY"),
  zai: preset("zhipu", "ZAI_API_KEY"),
  minimax: preset("minimax", "MINIMAX_API_KEY"),
  volcengine: preset("volcengine", "VOLCENGINE_API_KEY", "ARK_API_KEY"),
  siliconflow: preset("siliconflow", "SILICONFLOW_API_KEY"),

  // Clouds: their settings are put together in `connect-cloud.ts`.
  azure: {
    ...{ name: "azure", addresses: ["AZURE_API_BASE"] },
    keys: ["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"],
  },
  azure_ai: { name: "azure-ai", keys: ["AZURE_AI_API_KEY"], addresses: ["AZURE_AI_API_BASE"] },
  bedrock: { name: "bedrock", preset: "bedrock" },
  bedrock_converse: { name: "bedrock", preset: "bedrock" },
  vertex_ai: { name: "vertex", preset: "vertex" },

  // Servers of one's own.
  hosted_vllm: vllm,
  vllm,
  ollama,
  ollama_chat: ollama,
  lm_studio: { ...server("lm-studio"), addresses: ["LM_STUDIO_API_BASE"] },
  llamafile: { ...server("llamafile"), baseUrl: "http://127.0.0.1:8080/v1" },
  xinference: server("xinference"),
  litellm_proxy: { name: "litellm", keys: ["LITELLM_PROXY_API_KEY"] },
  openai_like: { name: "openai-like", keys: ["OPENAI_LIKE_API_KEY"] },
  custom_openai: { name: "custom", keys: ["OPENAI_API_KEY"] },
  databricks: { name: "databricks", keys: ["DATABRICKS_API_KEY"] },

  // Others that speak OpenAI's chat.
  perplexity: host(
    "perplexity",
    "https://api.perplexity.ai",
    "PERPLEXITYAI_API_KEY",
    "PERPLEXITY_API_KEY",
  ),
  deepinfra: host("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
  cerebras: host("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
  sambanova: host("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
  hyperbolic: host("hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
  novita: host("novita", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
  nebius: host("nebius", "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
  nscale: host("nscale", "https://inference.api.nscale.com/v1", "NSCALE_API_KEY"),
  lambda_ai: host("lambda-ai", "https://api.lambda.ai/v1", "LAMBDA_API_KEY"),
  featherless_ai: host("featherless", "https://api.featherless.ai/v1", "FEATHERLESS_AI_API_KEY"),
  meta_llama: host("meta-llama", "https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
  friendliai: host("friendli", "https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN"),
  huggingface: host(
    "huggingface",
    "https://router.huggingface.co/v1",
    "HF_TOKEN",
    "HUGGINGFACE_API_KEY",
  ),
  github: host("github", "https://models.github.ai/inference", "GITHUB_API_KEY"),
  voyage: host("voyage", "https://api.voyageai.com/v1", "VOYAGE_API_KEY"),
  jina_ai: host("jina", "https://api.jina.ai/v1", "JINA_AI_API_KEY"),
};

/** LiteLLM knows these names of models without a provider before them. */
const OPENAI_MODELS =
  /^(gpt-|o[1-9](-|$)|chatgpt-|text-embedding-|text-moderation|omni-moderation|whisper-|tts-|dall-e)/;
const ANTHROPIC_MODELS = /^claude-/;

export type NamedUpstream = { readonly provider: string; readonly model: string };

/** `groq/llama-3.3-70b` → `groq` and `llama-3.3-70b`; undefined where LiteLLM's own guess is not certain. */
export function splitModel(text: string, custom: string | undefined): NamedUpstream | undefined {
  const slash = text.indexOf("/");
  const prefix = text.slice(0, Math.max(slash, 0));
  const rest = text.slice(slash + 1);
  if (custom !== undefined) return { provider: custom, model: prefix === custom ? rest : text };
  // A name that Baseload cannot reach is told as one, not as part of a model's name.
  if (slash > 0) return { provider: prefix, model: rest };
  if (OPENAI_MODELS.test(text)) return { provider: "openai", model: text };
  return ANTHROPIC_MODELS.test(text) ? { provider: "anthropic", model: text } : undefined;
}
