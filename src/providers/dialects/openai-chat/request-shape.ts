/**
 * What OpenAI documents of a chat request, as far as it can be said in other words.
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * Beside it stand a few fields that other servers of this dialect share: `cache_control` of parts, `reasoning_content`
 * and `reasoning_details` of answers that come back as history, `top_k`.
 */
import { z } from "zod";

/** `null` means the same as leaving it out, everywhere in this API. */
const optional = <Shape extends z.ZodType>(shape: Shape) => shape.nullish();

const cacheFields = {
  prompt_cache_breakpoint: optional(
    z.strictObject({ mode: z.literal("explicit"), ttl: optional(z.string()) }),
  ),
  cache_control: optional(
    z.strictObject({ type: z.literal("ephemeral"), ttl: optional(z.enum(["5m", "1h"])) }),
  ),
};
export type CacheFields = z.infer<z.ZodObject<typeof cacheFields>>;

const TextPart = z.strictObject({ type: z.literal("text"), text: z.string(), ...cacheFields });
const RefusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const ImagePart = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({
    url: z.string(),
    detail: optional(z.enum(["auto", "low", "high", "original"])),
  }),
  ...cacheFields,
});
const AudioPart = z.strictObject({
  type: z.literal("input_audio"),
  input_audio: z.strictObject({ data: z.string(), format: z.string() }),
  ...cacheFields,
});
const FilePart = z.strictObject({
  type: z.literal("file"),
  file: z.strictObject({
    file_data: optional(z.string()),
    file_id: optional(z.string()),
    filename: optional(z.string()),
  }),
  ...cacheFields,
});

export type WireTextPart = z.infer<typeof TextPart>;
export type WireUserPart = z.infer<typeof UserPart>;

const UserPart = z.discriminatedUnion("type", [TextPart, ImagePart, AudioPart, FilePart]);
const AssistantPart = z.discriminatedUnion("type", [TextPart, RefusalPart]);

/** A text is a list of one. */
const contentOf = <Part extends z.ZodType>(part: Part) =>
  z.preprocess(
    (content) => (typeof content === "string" ? [{ type: "text", text: content }] : content),
    z.array(part),
  );

const ToolCall = z.strictObject({
  id: z.string(),
  type: z.literal("function").default("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
  // Of a stream's pieces put together by the client.
  index: optional(z.int()),
});

const ReasoningDetail = z.looseObject({
  type: z.string(),
  text: optional(z.string()),
  summary: optional(z.string()),
  data: optional(z.string()),
  signature: optional(z.string()),
  id: optional(z.string()),
});

const AssistantMessage = z.strictObject({
  role: z.literal("assistant"),
  content: optional(contentOf(AssistantPart)),
  refusal: optional(z.string()),
  tool_calls: optional(z.array(ToolCall)),
  name: optional(z.string()),
  reasoning_content: optional(z.string()),
  reasoning: optional(z.string()),
  reasoning_details: optional(z.array(ReasoningDetail)),
  // What an answer carries and a request does not: it tells the model nothing, and OpenAI ignores it, too.
  annotations: z.unknown().optional(),
  parsed: z.unknown().optional(),
});
export type WireAssistantMessage = z.infer<typeof AssistantMessage>;

export const Message = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content: contentOf(TextPart) }),
  z.strictObject({ role: z.literal("developer"), content: contentOf(TextPart) }),
  z.strictObject({
    role: z.literal("user"),
    content: contentOf(UserPart),
    name: optional(z.string()),
  }),
  AssistantMessage,
  z.strictObject({
    role: z.literal("tool"),
    content: optional(contentOf(TextPart)),
    tool_call_id: z.string(),
    // LangChain and others repeat the tool's name; the call it answers has it already.
    name: z.unknown().optional(),
  }),
]);
export type WireMessage = z.infer<typeof Message>;

const JsonSchema = z.record(z.string(), z.unknown());

const Tool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: z.string(),
    description: optional(z.string()),
    parameters: optional(JsonSchema),
    strict: optional(z.boolean()),
  }),
  cache_control: cacheFields.cache_control,
});

const NamedTool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({ name: z.string() }),
});

const ResponseFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string(),
      description: optional(z.string()),
      schema: optional(JsonSchema),
      strict: optional(z.boolean()),
    }),
  }),
]);
export type WireResponseFormat = z.infer<typeof ResponseFormat>;

/** Every documented field that has a counterpart in `Prompt`. */
export const translatedFields = {
  messages: z.array(Message).min(1),
  tools: optional(z.array(Tool)),
  tool_choice: optional(
    z.preprocess(
      (choice) => (typeof choice === "string" ? { type: "mode", mode: choice } : choice),
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("mode"), mode: z.enum(["auto", "none", "required"]) }),
        NamedTool,
      ]),
    ),
  ),
  parallel_tool_calls: optional(z.boolean()),
  response_format: optional(ResponseFormat),
  max_tokens: optional(z.int()),
  max_completion_tokens: optional(z.int()),
  temperature: optional(z.number()),
  top_p: optional(z.number()),
  top_k: optional(z.number()),
  presence_penalty: optional(z.number()),
  frequency_penalty: optional(z.number()),
  seed: optional(z.int()),
  stop: optional(
    z.preprocess((stop) => (typeof stop === "string" ? [stop] : stop), z.array(z.string())),
  ),
  n: optional(z.int()),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int()),
  reasoning_effort: optional(z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  verbosity: optional(z.enum(["low", "medium", "high"])),
  service_tier: optional(z.string()),
  user: optional(z.string()),
  safety_identifier: optional(z.string()),
  metadata: optional(z.record(z.string(), z.string())),
  prompt_cache_key: optional(z.string()),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.strictObject({
      include_usage: optional(z.boolean()),
      include_obfuscation: optional(z.boolean()),
    }),
  ),
};

/** Unknown fields are kept: they are `Prompt.extra`. */
export const Request = z.looseObject(translatedFields);
export type WireRequest = z.infer<typeof Request>;
