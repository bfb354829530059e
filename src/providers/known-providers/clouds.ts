/** Clouds that serve the models of others, with accounts, regions and addresses of their own kind. */
import type { KnownProvider } from "./known-provider.ts";

const VERTEX = "aiplatform.googleapis.com";

const vertex: KnownProvider = {
  name: "vertex",
  title: "Google Vertex AI (Gemini), with a service account",
  dialect: "ai-sdk",
  endpoints: [
    {
      region: "global",
      url: `https://${VERTEX}/v1beta1/projects/{project}/locations/global/publishers/google`,
    },
    {
      region: "{region}",
      url: `https://{region}-${VERTEX}/v1beta1/projects/{project}/locations/{region}/publishers/google`,
    },
  ],
  keyVariable: "GOOGLE_SERVICE_ACCOUNT_JSON",
  quirks: {
    ai_sdk_provider: "google-vertex",
    paths: { models: "/publishers/google/models" },
    endpoint_urls: { models: `https://${VERTEX}/v1beta1` },
  },
  operations: ["chat"],
  prices: "google",
  docs: "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
};

const vertexExpress: KnownProvider = {
  ...vertex,
  name: "vertex-express",
  title: "Google Vertex AI (Gemini) in express mode, with an API key",
  endpoints: [{ region: "global", url: `https://${VERTEX}/v1/publishers/google` }],
  keyVariable: "GOOGLE_VERTEX_API_KEY",
  quirks: { ...vertex.quirks, auth: "x-goog-api-key" },
  docs: "https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview",
};

const bedrock: KnownProvider = {
  name: "bedrock",
  title: "Amazon Bedrock (Converse)",
  dialect: "ai-sdk",
  endpoints: [
    {
      region: "{region}",
      url: "https://bedrock-runtime.{region}.amazonaws.com",
      quirks: {
        cloud_region: "{region}",
        endpoint_urls: { models: "https://bedrock.{region}.amazonaws.com" },
      },
    },
  ],
  keyVariable: "AWS_BEARER_TOKEN_BEDROCK",
  quirks: { ai_sdk_provider: "amazon-bedrock", paths: { models: "/foundation-models" } },
  operations: ["chat"],
  prices: "aws",
  docs: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
};

const azureOpenAi: KnownProvider = {
  name: "azure-openai",
  title: "Azure OpenAI, API v1",
  dialect: "openai-chat",
  endpoints: [{ region: null, url: "https://{resource}.openai.azure.com/openai/v1" }],
  keyVariable: "AZURE_OPENAI_API_KEY",
  quirks: {
    auth: "api-key",
    dialect_auth: { "openai-responses": "api-key" },
    also_speaks: ["openai-responses"],
    output_limit_field: "max_completion_tokens",
  },
  operations: ["chat", "embeddings", "image_generation", "image_edit", "speech", "transcription"],
  prices: "azure",
  docs: "https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle",
};

/** The name of a model at the provider is that of its deployment. */
const deployed = (path: string): string => `/deployments/{model}${path}`;

const azureOpenAiDated: KnownProvider = {
  ...azureOpenAi,
  name: "azure-openai-dated",
  title: "Azure OpenAI, with a dated API version and the deployment in the path",
  endpoints: [{ region: null, url: "https://{resource}.openai.azure.com/openai" }],
  quirks: {
    auth: "api-key",
    query: { "api-version": "2024-10-21" },
    output_limit_field: "max_completion_tokens",
    paths: {
      chat_completions: deployed("/chat/completions"),
      embeddings: deployed("/embeddings"),
      image_generation: deployed("/images/generations"),
      image_edit: deployed("/images/edits"),
      speech: deployed("/audio/speech"),
      transcription: deployed("/audio/transcriptions"),
      translation: deployed("/audio/translations"),
    },
  },
  docs: "https://learn.microsoft.com/en-us/azure/ai-services/openai/reference",
};

export const clouds: readonly KnownProvider[] = [
  vertex,
  vertexExpress,
  bedrock,
  azureOpenAi,
  azureOpenAiDated,
];
