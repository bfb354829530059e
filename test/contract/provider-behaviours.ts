/**
 * How each known provider behaves, as far as it differs: what it is told, how it tells usage, and how it says no. By
 * their documentation, which the entries of the table link to.
 */
import type { Quantities } from "../../src/lib/quantities.ts";

export type Behaviour = {
  model?: string;
  /** Where no plain key is shown. */
  credential?: string;
  /** How the key `KEY` arrives. */
  header: [name: string, value: string];
  /** Of its chat, behind the host. */
  path: string;
  /** The field that holds the output limit, and what it holds when 500 are wanted. */
  limit: string;
  /** Its answer to a chat, instead of OpenAI's; a recording for APIs that are spoken through packages. */
  recorded?: string;
  /** In the words of the dialect. */
  usage: Record<string, unknown>;
  quantities: Quantities;
  /** What else an answer has. */
  answer?: Record<string, unknown>;
  /** Frames before the answer, as they are sent. */
  firstFrames?: string;
  refusal: { status: number; body: unknown; code: string };
  /** Of the other dialects that it speaks. */
  others?: Partial<Record<string, { path: string; header: [string, string] }>>;
  /** Of operations that do not lie where OpenAI has them. */
  paths?: Partial<Record<string, string>>;
};

const bearer: [string, string] = ["authorization", "Bearer KEY"];
const google: [string, string] = ["x-goog-api-key", "KEY"];
const overloaded = { error: { message: "Overloaded", type: "server_error", code: null } };

/** OpenAI's own shape of usage: parts inside the totals. */
const details = {
  usage: {
    prompt_tokens: 100,
    completion_tokens: 30,
    total_tokens: 130,
    prompt_tokens_details: { cached_tokens: 40 },
    completion_tokens_details: { reasoning_tokens: 10 },
  },
  quantities: { uncached_input: 60, cache_read: 40, output_text: 20, reasoning: 10 },
};
const plain = {
  usage: { prompt_tokens: 100, completion_tokens: 30, total_tokens: 130 },
  quantities: { uncached_input: 100, output_text: 30 },
};
const thought = { cache_read: 40, uncached_input: 60, reasoning: 10, output_text: 20 };

const gemini = {
  model: "gemini-2.5-flash",
  recorded: "gemini-answer",
  limit: "generationConfig.maxOutputTokens",
  usage: {},
  quantities: { uncached_input: 20, cache_read: 100, output_text: 5, reasoning: 8 },
  refusal: {
    status: 400,
    body: {
      error: {
        code: 400,
        message: "API key not valid. Please pass a valid API key.",
        status: "INVALID_ARGUMENT",
        details: [
          { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" },
        ],
      },
    },
    code: "provider_credential_refused",
  },
};

export const behaviours: Readonly<Record<string, Behaviour>> = {
  openai: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_completion_tokens",
    ...details,
    refusal: {
      status: 429,
      body: { error: { message: "You exceeded your quota", code: "insufficient_quota" } },
      code: "provider_out_of_credit",
    },
    others: { "openai-responses": { path: "/v1/responses", header: bearer } },
  },
  anthropic: {
    header: ["x-api-key", "KEY"],
    path: "/v1/messages",
    limit: "max_tokens",
    usage: {
      input_tokens: 20,
      cache_read_input_tokens: 40,
      cache_creation_input_tokens: 15,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 5 },
      output_tokens: 30,
    },
    quantities: {
      uncached_input: 20,
      cache_read: 40,
      cache_write: 10,
      cache_write_1h: 5,
      output_text: 30,
    },
    refusal: {
      status: 529,
      body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
      code: "provider_overloaded",
    },
  },
  gemini: {
    ...gemini,
    header: google,
    path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    paths: { embeddings: "/v1beta/openai/embeddings" },
  },
  vertex: {
    ...gemini,
    header: google,
    path: "/v1beta1/projects/acme/locations/global/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
  },
  "vertex-express": {
    ...gemini,
    header: google,
    path: "/v1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
  },
  bedrock: {
    model: "eu.anthropic.claude-sonnet-4-20250514-v1:0",
    header: bearer,
    path: "/model/eu.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream",
    limit: "inferenceConfig.maxTokens",
    recorded: "bedrock-answer",
    usage: {},
    quantities: {
      uncached_input: 20,
      cache_read: 100,
      cache_write: 6,
      cache_write_1h: 4,
      output_text: 13,
    },
    refusal: {
      status: 403,
      body: { message: "You don't have access to the model with the specified model ID." },
      code: "provider_credential_refused",
    },
  },
  "azure-openai": {
    header: ["api-key", "KEY"],
    path: "/openai/v1/chat/completions",
    limit: "max_completion_tokens",
    ...details,
    // Its filters speak before the model does.
    firstFrames: `data: ${JSON.stringify({ choices: [], prompt_filter_results: [{ prompt_index: 0 }] })}\n\n`,
    refusal: {
      status: 404,
      body: {
        error: { code: "DeploymentNotFound", message: "The API deployment does not exist." },
      },
      code: "provider_model_not_found",
    },
    others: { "openai-responses": { path: "/openai/v1/responses", header: ["api-key", "KEY"] } },
  },
  "azure-openai-dated": {
    header: ["api-key", "KEY"],
    path: "/openai/deployments/some-model/chat/completions?api-version=2024-10-21",
    limit: "max_completion_tokens",
    ...details,
    refusal: {
      status: 429,
      body: { error: { code: "429", message: "Requests have exceeded the token rate limit." } },
      code: "provider_rate_limited",
    },
    paths: {
      embeddings: "/openai/deployments/some-model/embeddings?api-version=2024-10-21",
      image_generation: "/openai/deployments/some-model/images/generations?api-version=2024-10-21",
      image_edit: "/openai/deployments/some-model/images/edits?api-version=2024-10-21",
      speech: "/openai/deployments/some-model/audio/speech?api-version=2024-10-21",
      transcription: "/openai/deployments/some-model/audio/transcriptions?api-version=2024-10-21",
    },
  },
  mistral: {
    model: "magistral-medium-latest",
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    recorded: "mistral-answer",
    usage: {},
    quantities: { uncached_input: 20, cache_read: 100, output_text: 13 },
    refusal: {
      status: 401,
      body: { message: "Unauthorized", request_id: "r" },
      code: "provider_credential_refused",
    },
  },
  cohere: {
    model: "command-a-reasoning-08-2025",
    header: bearer,
    path: "/v2/chat",
    limit: "max_tokens",
    recorded: "cohere-answer",
    usage: {},
    quantities: { uncached_input: 20, output_text: 13 },
    refusal: {
      status: 429,
      body: {
        id: "e",
        message: "You are using a Trial key, which is limited to 20 calls / minute.",
      },
      code: "provider_rate_limited",
    },
    paths: { embeddings: "/compatibility/v1/embeddings", rerank: "/v2/rerank" },
  },
  groq: {
    header: bearer,
    path: "/openai/v1/chat/completions",
    limit: "max_completion_tokens",
    ...details,
    usage: { ...details.usage, queue_time: 0.03, prompt_time: 0.001, total_time: 0.2 },
    answer: { x_groq: { id: "req_1" }, usage_breakdown: null },
    refusal: { status: 503, body: overloaded, code: "provider_overloaded" },
    others: { "openai-responses": { path: "/openai/v1/responses", header: bearer } },
  },
  openrouter: {
    header: bearer,
    path: "/api/v1/chat/completions",
    limit: "max_tokens",
    usage: {
      ...details.usage,
      prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10, audio_tokens: 0 },
      cost: 0.00095,
      cost_details: { upstream_inference_cost: null },
    },
    quantities: {
      uncached_input: 50,
      cache_read: 40,
      cache_write: 10,
      output_text: 20,
      reasoning: 10,
    },
    firstFrames: ": OPENROUTER PROCESSING\n\n",
    refusal: {
      status: 402,
      body: { error: { code: 402, message: "Insufficient credits" }, user_id: "u" },
      code: "provider_out_of_credit",
    },
    others: { "anthropic-messages": { path: "/api/v1/messages", header: bearer } },
  },
  together: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    usage: { ...plain.usage, cached_tokens: 40 },
    quantities: { uncached_input: 60, cache_read: 40, output_text: 30 },
    refusal: { status: 503, body: overloaded, code: "provider_overloaded" },
  },
  fireworks: {
    header: bearer,
    path: "/inference/v1/chat/completions",
    limit: "max_tokens",
    usage: { ...plain.usage, prompt_tokens_details: { cached_tokens: 40 } },
    quantities: { uncached_input: 60, cache_read: 40, output_text: 30 },
    refusal: {
      status: 404,
      body: { error: { object: "error", message: "Model not found", code: "NOT_FOUND" } },
      code: "provider_model_not_found",
    },
    others: { "anthropic-messages": { path: "/inference/v1/messages", header: bearer } },
  },
  nvidia: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    ...plain,
    refusal: {
      status: 402,
      body: { status: 402, title: "Payment Required", detail: "Account: Cloud credits expired" },
      code: "provider_out_of_credit",
    },
  },
  xai: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_completion_tokens",
    // Thoughts are beside the completion, and show only in the total.
    usage: {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 130,
      prompt_tokens_details: { text_tokens: 100, cached_tokens: 40 },
      completion_tokens_details: { reasoning_tokens: 10 },
    },
    quantities: thought,
    refusal: {
      status: 400,
      body: { code: "Client specified an invalid argument", error: "Incorrect API key provided" },
      code: "provider_credential_refused",
    },
    others: { "openai-responses": { path: "/v1/responses", header: bearer } },
  },
  deepseek: {
    header: bearer,
    path: "/chat/completions",
    limit: "max_tokens",
    usage: {
      prompt_tokens: 100,
      completion_tokens: 30,
      total_tokens: 130,
      prompt_cache_hit_tokens: 40,
      prompt_cache_miss_tokens: 60,
      completion_tokens_details: { reasoning_tokens: 10 },
    },
    quantities: thought,
    firstFrames: ": keep-alive\n\n",
    refusal: {
      status: 402,
      body: { error: { message: "Insufficient Balance", type: "unknown_error" } },
      code: "provider_out_of_credit",
    },
    others: {
      "anthropic-messages": { path: "/anthropic/v1/messages", header: ["x-api-key", "KEY"] },
    },
  },
  alibaba: {
    header: bearer,
    path: "/compatible-mode/v1/chat/completions",
    limit: "max_tokens",
    usage: {
      ...details.usage,
      prompt_tokens_details: {
        cached_tokens: 40,
        cache_creation_input_tokens: 10,
        cache_type: "ephemeral",
      },
    },
    quantities: {
      uncached_input: 50,
      cache_read: 40,
      cache_write: 10,
      output_text: 20,
      reasoning: 10,
    },
    refusal: {
      status: 400,
      body: { error: { code: "Arrearage", message: "Access denied, your account is overdue." } },
      code: "provider_out_of_credit",
    },
    others: {
      "anthropic-messages": { path: "/apps/anthropic/v1/messages", header: ["x-api-key", "KEY"] },
    },
    paths: {
      rerank: "/compatible-api/v1/reranks",
      image_generation: "/api/v1/services/aigc/multimodal-generation/generation",
      image_edit: "/api/v1/services/aigc/multimodal-generation/generation",
    },
  },
  moonshot: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    usage: { ...plain.usage, cached_tokens: 40 },
    quantities: { uncached_input: 60, cache_read: 40, output_text: 30 },
    refusal: {
      status: 429,
      body: { error: { type: "exceeded_current_quota_error", message: "Not enough balance" } },
      code: "provider_out_of_credit",
    },
    others: {
      "openai-responses": { path: "/v1/responses", header: bearer },
      "anthropic-messages": { path: "/anthropic/v1/messages", header: bearer },
    },
  },
  zhipu: {
    header: bearer,
    path: "/api/paas/v4/chat/completions",
    limit: "max_tokens",
    usage: { ...plain.usage, prompt_tokens_details: { cached_tokens: 40 } },
    quantities: { uncached_input: 60, cache_read: 40, output_text: 30 },
    answer: { request_id: "2026" },
    refusal: {
      status: 429,
      body: { error: { code: "1113", message: "Insufficient balance or no resource package." } },
      code: "provider_out_of_credit",
    },
    others: { "anthropic-messages": { path: "/api/anthropic/v1/messages", header: bearer } },
  },
  minimax: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_completion_tokens",
    usage: { ...details.usage, total_characters: 0 },
    quantities: details.quantities,
    answer: { base_resp: { status_code: 0, status_msg: "" }, input_sensitive: false },
    refusal: {
      status: 200,
      body: { choices: null, base_resp: { status_code: 1008, status_msg: "insufficient balance" } },
      code: "provider_out_of_credit",
    },
    others: {
      "openai-responses": { path: "/v1/responses", header: bearer },
      "anthropic-messages": { path: "/anthropic/v1/messages", header: bearer },
    },
  },
  volcengine: {
    header: bearer,
    path: "/api/v3/chat/completions",
    limit: "max_completion_tokens",
    ...details,
    refusal: {
      status: 403,
      body: { error: { code: "AccountOverdueError", message: "Overdue", type: "Forbidden" } },
      code: "provider_out_of_credit",
    },
    others: { "openai-responses": { path: "/api/v3/responses", header: bearer } },
  },
  siliconflow: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    ...details,
    refusal: {
      status: 403,
      body: { code: 30001, message: "Sorry, your account balance is insufficient", data: null },
      code: "provider_out_of_credit",
    },
    others: { "anthropic-messages": { path: "/v1/messages", header: bearer } },
  },
  ollama: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    ...plain,
    refusal: {
      status: 404,
      body: { error: { message: "model 'x' not found", type: "not_found_error", code: null } },
      code: "provider_model_not_found",
    },
  },
  vllm: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    ...plain,
    usage: { ...plain.usage, prompt_tokens_details: null },
    refusal: {
      status: 400,
      body: {
        object: "error",
        message: "This model's maximum context length is 4096 tokens.",
        type: "BadRequestError",
        param: null,
        code: 400,
      },
      code: "400",
    },
  },
  sglang: {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    usage: {
      ...plain.usage,
      prompt_tokens_details: { cached_tokens: 40 },
      reasoning_tokens: 10,
    },
    quantities: thought,
    refusal: { status: 503, body: overloaded, code: "provider_overloaded" },
  },
  "llama-cpp": {
    header: bearer,
    path: "/v1/chat/completions",
    limit: "max_tokens",
    ...plain,
    answer: { timings: { prompt_n: 100, predicted_n: 30 } },
    refusal: {
      status: 503,
      body: { error: { code: 503, message: "Loading model", type: "unavailable_error" } },
      code: "provider_overloaded",
    },
  },
};
