import { z } from "zod";

/** Dialects of chat that clients and providers speak; each has code under `dialects/`. */
export const chatDialectNames = ["openai-chat", "openai-responses", "anthropic-messages"] as const;
export type ChatDialectName = (typeof chatDialectNames)[number];

/** `ai-sdk` is spoken by providers only: one adapter over maintained packages, see `ai-sdk/`. */
export const dialectNames = [...chatDialectNames, "ai-sdk"] as const;
export type DialectName = (typeof dialectNames)[number];

/** APIs that `ai-sdk` speaks. */
export const aiSdkProviders = [
  "google",
  "google-vertex",
  "amazon-bedrock",
  "cohere",
  "mistral",
] as const;
export type AiSdkProvider = (typeof aiSdkProviders)[number];

/** What can be asked of a provider, one path each. A provider's quirks may move them. */
export const endpointNames = [
  "chat_completions",
  "responses",
  "messages",
  "count_tokens",
  "input_tokens",
  "models",
  "embeddings",
  "rerank",
  "image_generation",
  "image_edit",
  "speech",
  "transcription",
  "translation",
  "moderation",
] as const;
export type EndpointName = (typeof endpointNames)[number];

const TEXT_CHARS_MAX = 200;
const URL_CHARS_MAX = 2_000;
/** More headers or query parameters than any provider asks for. */
const PAIRS_MAX = 16;

/** Set by us or by the connection, and those that hold credentials: quirks are shown, credentials never are. */
const RESERVED_HEADERS =
  /^(authorization|proxy-.*|cookie|x-api-key|api-key|x-goog-api-key|host|connection|content-.*|transfer-encoding|te|upgrade|accept-encoding|user-agent|x-baseload-.*)$/;

const headerName = z
  .string()
  .max(TEXT_CHARS_MAX)
  .regex(/^[a-z0-9-]+$/, "must be the name of a header in small letters")
  .refine((name) => !RESERVED_HEADERS.test(name), "must not be a header that is set elsewhere");
const printable = z
  .string()
  .max(TEXT_CHARS_MAX)
  .regex(/^[\x20-\x7e]*$/, "must be printable ASCII");
const queryName = z
  .string()
  .max(TEXT_CHARS_MAX)
  .regex(/^[A-Za-z][\w.-]*$/, "must be the name of a query parameter");
const path = z
  .string()
  .max(TEXT_CHARS_MAX)
  .regex(/^\/[\w./:{}@-]*$/, "must be a path that begins with / and has no query");
const address = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .max(URL_CHARS_MAX);
const fewPairs = (value: object) => Object.keys(value).length <= PAIRS_MAX;
const TOO_MANY = `must have at most ${PAIRS_MAX} entries`;

/** Models × sizes × qualities of a provider. */
const IMAGE_UNITS_MAX = 128;
const imageUnits = z.strictObject({
  /** The model's name at the provider. */
  model: printable.optional(),
  size: printable.optional(),
  quality: printable.optional(),
  units: z.int().positive().max(1_000),
});

/**
 * How a credential is presented. `query` puts it into the address as `key`. `google-account` takes the JSON file of a
 * service account, `aws` an access key as JSON; both take plain API keys, too.
 */
export const authStyles = [
  "bearer",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "query",
  "google-account",
  "aws",
  "none",
] as const;
export type AuthStyle = (typeof authStyles)[number];

/**
 * Named switches for what a provider does differently from its dialect; the column `provider.quirks`. Every switch
 * is described in README.md, and `test/contract/provider-table.test.ts` shows it at work.
 */
export const quirksSchema = z.strictObject({
  /** The upstream answers `GET {base_url}/attempts/<id>` with the usage of an attempt. */
  usage_lookup: z.boolean().optional(),

  // The way there.

  /** The dialect's own way when left out: `x-api-key` for anthropic-messages, `bearer` for the others. */
  auth: z.enum(authStyles).optional(),
  /** Where another dialect that the provider speaks wants another way. */
  dialect_auth: z.partialRecord(z.enum(chatDialectNames), z.enum(authStyles)).optional(),
  /** Sent with every request. */
  headers: z.record(headerName, printable).refine(fewPairs, TOO_MANY).optional(),
  /** Sent with every request, such as Azure's `api-version`. */
  query: z.record(queryName, printable).refine(fewPairs, TOO_MANY).optional(),
  /** Relative to the base URL; `{model}` stands for the model's name at the provider. */
  paths: z.partialRecord(z.enum(endpointNames), path).optional(),
  /** Endpoints that lie at another base URL than the dialect's. */
  endpoint_urls: z.partialRecord(z.enum(endpointNames), address).optional(),

  // Other dialects than its main one.

  /** A client of one of these is served in its own words, without translation. */
  also_speaks: z.array(z.enum(chatDialectNames)).max(chatDialectNames.length).optional(),
  /** Their base URLs, where they differ. */
  dialect_urls: z.partialRecord(z.enum(chatDialectNames), address).optional(),
  /** Which package the dialect `ai-sdk` speaks through. */
  ai_sdk_provider: z.enum(aiSdkProviders).optional(),
  /** The region that a cloud's signatures name. */
  cloud_region: printable.optional(),

  // Words of the request.

  /**
   * The field by which the provider limits its answers: the limit goes there, whichever the client used. Left out: as
   * the client said, and `max_tokens` where it said none.
   */
  output_limit_field: z.enum(["max_tokens", "max_completion_tokens"]).optional(),
  /** Thoughts are limited by `thinking_budget`, beside the output limit: where thinking is asked for, it is divided. */
  thoughts_beside_limit: z.boolean().optional(),
  /** The upstream refuses `stream_options`; usage of streams is then counted by us. */
  no_stream_options: z.boolean().optional(),
  /** The role of developer messages: `system` where the provider does not know `developer`. */
  developer_role: z.enum(["developer", "system"]).optional(),
  /** System messages are taken at the beginning only: a translated prompt that has others is refused. */
  system_first: z.boolean().optional(),
  /** Content is one text wherever it is nothing but text: lists of texts in a translated prompt are joined. */
  plain_content: z.boolean().optional(),
  /** The field in which a translated prompt gives earlier thoughts back; left out: they are not sent. */
  reasoning_replay: z.enum(["reasoning_content", "reasoning", "reasoning_details"]).optional(),
  /** The word by which a translated prompt marks where it repeats; left out: the provider caches by its own rules. */
  cache_marks: z.enum(["cache_control", "prompt_cache_breakpoint"]).optional(),
  /**
   * How a translated prompt asks for reasoning: `reasoning_effort: "low"` (default), `reasoning: {effort, max_tokens}`,
   * `thinking: {type}`, `enable_thinking` with `thinking_budget`, `chat_template_kwargs: {enable_thinking}`;
   * `none`: there is no way, and the wish is refused.
   */
  reasoning_request: z
    .enum([
      "reasoning_effort",
      "reasoning",
      "thinking",
      "enable_thinking",
      "chat_template_kwargs",
      "none",
    ])
    .optional(),
  /** anthropic-messages: thinking by `effort` or by a `budget` of tokens; left out: as the model's name tells. */
  thinking_request: z.enum(["effort", "budget"]).optional(),
  /** Errors come under status 200, in a field of this name: `{status_code, status_msg}`. */
  errors_in_body: z.literal("base_resp").optional(),
  /** A higher temperature is refused before it is sent, so that another candidate can serve it. */
  max_temperature: z.number().positive().max(10).optional(),
  /** More answers per call are refused before they are sent. */
  choices_max: z.int().positive().max(128).optional(),
  /** The provider knows `json_object`, but no schemas: they are refused before they are sent. */
  no_json_schema: z.boolean().optional(),

  // Operations beside chat.

  /** Embeddings are numbers there, whatever was asked for; a client that wants base64 gets them packed here. */
  embedding_format: z.literal("float").optional(),
  /** Reranking in other words than the common ones: Cohere's v2, vLLM's `/score`, DashScope's own. */
  rerank_shape: z.enum(["cohere", "score", "dashscope"]).optional(),
  /** Images by DashScope's own API: at once (Qwen, Wan 2.6), or as a task that is asked for (older Wan). */
  image_shape: z.enum(["dashscope", "dashscope-task"]).optional(),
  /**
   * How many priced pieces one image counts for, where the provider bills by size or quality: the first entry that
   * fits what was asked for, by the names of OpenAI's fields; one piece where none does.
   */
  image_units: z.array(imageUnits).max(IMAGE_UNITS_MAX).optional(),
});
export type Quirks = z.infer<typeof quirksSchema>;

/** Everything needed to call one provider. */
export type Upstream = {
  name: string;
  dialect: DialectName;
  /** Ends in the version segment, such as `https://api.example.com/v1`. */
  baseUrl: string;
  credential: string | null;
  /** Addresses of private networks and plain http are allowed; set by an operator. */
  allowPrivate: boolean;
  quirks: Quirks;
};
