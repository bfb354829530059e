/**
 * What providers answer to operations beside chat, and what it says: one table, provider × operation. The answers are
 * those of the providers' references, shortened where they repeat themselves.
 */
import type { JsonObject } from "../../src/lib/json.ts";
import type { Operation } from "../../src/lib/operations.ts";
import type { Quantities } from "../../src/lib/quantities.ts";
import type { Quirks } from "../../src/providers/upstream.ts";

export type OperationCase = {
  operation: Operation;
  provider: string;
  quirks?: Quirks;
  /** Of the client, beside the model; forms are written as their fields, with a recording or an image. */
  request: JsonObject;
  /** Where it must arrive, without the base URL. */
  path: string;
  /** What must arrive, beside the model; forms are not looked into here. */
  sent?: JsonObject;
  answer: JsonObject | string;
  /** What the client gets; the answer itself, byte for byte, where it is left out. */
  received?: JsonObject;
  /** What the provider tells; undefined: nothing. */
  told: Quantities | undefined;
  /** What is counted, in the first view, where nothing is told. */
  counted?: Quantities;
};

const vector = { object: "embedding", index: 0, embedding: [0.5, -0.25] };
const embedding = (usage: JsonObject | undefined): JsonObject => ({
  object: "list",
  data: [vector],
  model: "m",
  ...(usage === undefined ? {} : { usage }),
});
const embed = { input: "Hello", encoding_format: "float", vendor_field: { kept: true } };

const embeddings: Omit<OperationCase, "operation" | "path" | "request">[] = [
  {
    provider: "OpenAI",
    answer: embedding({ prompt_tokens: 8, total_tokens: 8 }),
    told: { uncached_input: 8 },
  },
  {
    provider: "vLLM, SGLang, SiliconFlow",
    answer: embedding({
      prompt_tokens: 8,
      total_tokens: 8,
      completion_tokens: 0,
      prompt_tokens_details: null,
    }),
    told: { uncached_input: 8 },
  },
  {
    provider: "Ollama",
    answer: embedding({ prompt_tokens: 3, total_tokens: 3 }),
    told: { uncached_input: 3 },
  },
  {
    provider: "DashScope",
    answer: { ...embedding({ prompt_tokens: 23, total_tokens: 23 }), id: "73591b79" },
    told: { uncached_input: 23 },
  },
  {
    provider: "Voyage, Jina: a total only",
    answer: embedding({ total_tokens: 12 }),
    told: { uncached_input: 12 },
  },
  {
    provider: "Mistral: more in total than in the prompt",
    answer: embedding({ prompt_tokens: 15, total_tokens: 17, completion_tokens: 0 }),
    told: { uncached_input: 17 },
  },
  { provider: "one that does not tell", answer: embedding(undefined), told: undefined },
];

const documents = ["white wine", { text: "red wine" }];
const rank = { query: "red wine", documents, top_n: 1, return_documents: true, vendor_field: 1 };
const results = [{ index: 1, relevance_score: 0.98 }];
const withText = [{ index: 1, relevance_score: 0.98, document: { text: "red wine" } }];

const rerank: Omit<OperationCase, "operation">[] = [
  {
    provider: "Cohere v2",
    quirks: { rerank_shape: "cohere", paths: { rerank: "/v2/rerank" } },
    request: rank,
    path: "/v1/v2/rerank",
    sent: { query: "red wine", documents: ["white wine", "red wine"], top_n: 1, vendor_field: 1 },
    answer: {
      id: "07734bd2",
      results,
      meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
    },
    received: {
      id: "07734bd2",
      results: withText,
      meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
    },
    told: { search_units: 1 },
  },
  {
    provider: "Jina",
    request: rank,
    path: "/v1/rerank",
    sent: rank,
    answer: { model: "jina-reranker", usage: { total_tokens: 815 }, results: withText },
    told: { uncached_input: 815 },
  },
  {
    provider: "vLLM",
    request: rank,
    path: "/v1/rerank",
    answer: {
      id: "rerank-fae51b2b",
      model: "bge",
      usage: { prompt_tokens: 56, total_tokens: 56 },
      results: withText,
    },
    told: { uncached_input: 56 },
  },
  {
    provider: "vLLM's /score",
    quirks: { rerank_shape: "score", paths: { rerank: "/score" } },
    request: rank,
    path: "/v1/score",
    sent: { text_1: "red wine", text_2: ["white wine", "red wine"], vendor_field: 1 },
    answer: {
      id: "score-1",
      object: "list",
      data: [
        { index: 0, object: "score", score: 0.25 },
        { index: 1, object: "score", score: 0.98 },
      ],
      usage: {},
    },
    received: { id: "score-1", results: withText, usage: {} },
    told: undefined,
  },
  {
    provider: "SiliconFlow, older",
    request: rank,
    path: "/v1/rerank",
    answer: { id: "1", results: withText, tokens: { input_tokens: 150, output_tokens: 0 } },
    told: { uncached_input: 150 },
  },
  {
    provider: "SiliconFlow",
    request: rank,
    path: "/v1/rerank",
    answer: {
      id: "rerank-2024",
      results: withText,
      meta: {
        tokens: { input_tokens: 150, output_tokens: 10, image_tokens: 0 },
        billed_units: { input_tokens: 150, output_tokens: 10, search_units: 1, classifications: 0 },
      },
    },
    told: { uncached_input: 160, search_units: 1 },
  },
  {
    provider: "Together",
    request: rank,
    path: "/v1/rerank",
    answer: {
      object: "rerank",
      id: "9dfa1a09",
      model: "m",
      results: withText,
      usage: { prompt_tokens: 1837, completion_tokens: 0, total_tokens: 1837 },
    },
    told: { uncached_input: 1837 },
  },
  {
    provider: "DashScope, compatible",
    quirks: { paths: { rerank: "/reranks" } },
    request: rank,
    path: "/v1/reranks",
    sent: rank,
    answer: { object: "list", results: withText, usage: { total_tokens: 79 }, id: "85ba5752" },
    told: { uncached_input: 79 },
  },
  {
    provider: "DashScope",
    quirks: {
      rerank_shape: "dashscope",
      paths: { rerank: "/services/rerank/text-rerank/text-rerank" },
    },
    request: rank,
    path: "/v1/services/rerank/text-rerank/text-rerank",
    sent: {
      input: { query: "red wine", documents },
      parameters: { vendor_field: 1, top_n: 1, return_documents: true },
    },
    answer: { output: { results: withText }, usage: { total_tokens: 79 }, request_id: "85ba5752" },
    received: { id: "85ba5752", results: withText, usage: { total_tokens: 79 } },
    told: { uncached_input: 79 },
  },
];

const paint = { prompt: "A cat", n: 2, size: "1024x1536", vendor_field: 7 };
const pictures = [{ b64_json: "iVBORw0KGgo=" }, { b64_json: "iVBORw0KGgo=" }];
const addresses = ["https://a.example/1.png", "https://a.example/2.png"];
const GENERATION = "/services/aigc/multimodal-generation/generation";

const images: Omit<OperationCase, "operation">[] = [
  {
    provider: "OpenAI",
    request: paint,
    path: "/v1/images/generations",
    sent: paint,
    answer: {
      created: 1_713_833_628,
      data: pictures,
      usage: {
        total_tokens: 8_376,
        input_tokens: 56,
        output_tokens: 8_320,
        input_tokens_details: { text_tokens: 50, image_tokens: 6 },
      },
    },
    told: { uncached_input: 50, image_input: 6, image_output: 8_320 },
    counted: { images: 2 },
  },
  {
    provider: "OpenAI, with thoughts beside the picture",
    request: paint,
    path: "/v1/images/generations",
    answer: {
      created: 1,
      data: pictures,
      usage: {
        total_tokens: 9_400,
        input_tokens: 100,
        output_tokens: 9_300,
        input_tokens_details: { text_tokens: 100, image_tokens: 0, cached_tokens: 64 },
        output_tokens_details: { image_tokens: 8_320, text_tokens: 580, reasoning_tokens: 400 },
      },
    },
    told: {
      uncached_input: 36,
      cache_read: 64,
      image_output: 8_320,
      output_text: 580,
      reasoning: 400,
    },
  },
  {
    provider: "Together, Azure, xAI, Zhipu: by the piece",
    request: { ...paint, response_format: "url" },
    path: "/v1/images/generations",
    answer: { created: 1, data: addresses.map((url) => ({ url })) },
    told: undefined,
    counted: { images: 2 },
  },
  {
    provider: "one that bills by size",
    quirks: {
      image_units: [
        { size: "1024x1536", quality: "hd", units: 3 },
        { size: "1024x1536", units: 2 },
      ],
    },
    request: paint,
    path: "/v1/images/generations",
    answer: { created: 1, data: pictures },
    told: undefined,
    counted: { images: 4 },
  },
  {
    provider: "DashScope, Qwen Image 2",
    quirks: { image_shape: "dashscope", paths: { image_generation: GENERATION } },
    request: { ...paint, negative_prompt: "dogs", seed: 42 },
    path: `/v1${GENERATION}`,
    sent: {
      input: { messages: [{ role: "user", content: [{ text: "A cat" }] }] },
      parameters: { vendor_field: 7, negative_prompt: "dogs", seed: 42, size: "1024*1536", n: 2 },
    },
    answer: {
      request_id: "r",
      output: {
        choices: addresses.map((image) => ({
          finish_reason: "stop",
          message: { role: "assistant", content: [{ image }] },
        })),
      },
      usage: {
        output_width: 1024,
        output_height: 1536,
        output_image_count: 2,
        input_image_count: 0,
      },
    },
    received: { created: 1_795_000_000, data: addresses.map((url) => ({ url })) },
    told: { images: 2 },
  },
  {
    provider: "DashScope, Qwen Image",
    quirks: { image_shape: "dashscope", paths: { image_generation: GENERATION } },
    request: { prompt: "A cat", quality: "auto", user: "u-1" },
    path: `/v1${GENERATION}`,
    sent: { input: { messages: [{ role: "user", content: [{ text: "A cat" }] }] }, parameters: {} },
    answer: {
      output: {
        choices: [{ message: { role: "assistant", content: [{ image: "iVBORw0KGgo=" }] } }],
      },
      usage: { width: 1328, image_count: 1, height: 1328 },
      request_id: "d0250a3d",
    },
    received: { created: 1_795_000_000, data: [{ b64_json: "iVBORw0KGgo=" }] },
    told: { images: 1 },
  },
];

const hear = { response_format: "json", language: "en" };
const sound: Omit<OperationCase, "operation">[] = [
  {
    provider: "OpenAI, Whisper",
    request: hear,
    path: "/v1/audio/transcriptions",
    answer: { text: "Hello.", usage: { type: "duration", seconds: 9 } },
    told: { audio_seconds: 9 },
  },
  {
    provider: "OpenAI, by tokens",
    request: hear,
    path: "/v1/audio/transcriptions",
    answer: {
      text: "Hello.",
      usage: {
        type: "tokens",
        input_tokens: 14,
        input_token_details: { text_tokens: 4, audio_tokens: 10 },
        output_tokens: 101,
        total_tokens: 115,
      },
    },
    told: { uncached_input: 4, audio_input: 10, output_text: 101 },
  },
  {
    provider: "OpenAI, with speakers",
    request: { ...hear, response_format: "diarized_json" },
    path: "/v1/audio/transcriptions",
    answer: {
      task: "transcribe",
      duration: 27.4,
      text: "Hello.",
      segments: [],
      usage: { type: "tokens", input_tokens: 280, output_tokens: 30, total_tokens: 310 },
    },
    told: { uncached_input: 280, output_text: 30, audio_seconds: 28 },
  },
  {
    provider: "Groq, faster-whisper: the length of the recording",
    request: { ...hear, response_format: "verbose_json" },
    path: "/v1/audio/transcriptions",
    answer: {
      task: "transcribe",
      language: "english",
      duration: 8.47,
      text: "Hello.",
      segments: [],
    },
    told: { audio_seconds: 9 },
  },
  {
    provider: "vLLM: the length as a text",
    request: { ...hear, response_format: "verbose_json" },
    path: "/v1/audio/transcriptions",
    answer: { language: "en", duration: "8.0", text: "Hello.", segments: [] },
    told: { audio_seconds: 8 },
  },
  {
    provider: "Mistral",
    request: hear,
    path: "/v1/audio/transcriptions",
    answer: {
      model: "voxtral-mini",
      text: "Hello.",
      usage: {
        prompt_audio_seconds: 203,
        prompt_tokens: 4,
        completion_tokens: 635,
        total_tokens: 3264,
      },
    },
    told: { audio_seconds: 203, uncached_input: 4, output_text: 3_260 },
  },
  {
    provider: "SiliconFlow, Groq: a text alone",
    request: hear,
    path: "/v1/audio/transcriptions",
    answer: { text: "Hello.", x_groq: { id: "req_1" } },
    told: undefined,
    counted: { audio_seconds: 4 },
  },
  {
    provider: "any, as captions",
    request: { ...hear, response_format: "srt" },
    path: "/v1/audio/transcriptions",
    answer: "1\n00:00:00,000 --> 00:00:01,000\nHello.\n",
    told: undefined,
    counted: { audio_seconds: 4 },
  },
];

const verdict = { id: "modr-1", model: "m", results: [{ flagged: false, categories: {} }] };
const moderation: Omit<OperationCase, "operation">[] = [
  {
    provider: "OpenAI",
    request: { input: ["Hello"] },
    path: "/v1/moderations",
    sent: { input: ["Hello"] },
    answer: verdict,
    told: undefined,
  },
  {
    provider: "Mistral",
    request: { input: "Hello" },
    path: "/v1/moderations",
    answer: { ...verdict, usage: { prompt_tokens: 15, total_tokens: 15, completion_tokens: 0 } },
    told: { uncached_input: 15 },
  },
];

export const operationCases: readonly OperationCase[] = [
  ...embeddings.map((one) => ({
    ...{ operation: "embeddings" as const, path: "/v1/embeddings", request: embed, sent: embed },
    ...one,
  })),
  ...rerank.map((one) => ({ operation: "rerank" as const, ...one })),
  ...images.map((one) => ({ operation: "image_generation" as const, ...one })),
  ...sound.map((one) => ({ operation: "transcription" as const, ...one })),
  ...moderation.map((one) => ({ operation: "moderation" as const, ...one })),
];
