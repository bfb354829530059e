/**
 * What Anthropic documents of a request for a message, as far as it can be said in other words.
 * https://platform.claude.com/docs/en/api/messages
 */
import { z } from "zod";

/** `null` means the same as leaving it out, everywhere in this API. */
const optional = <Shape extends z.ZodType>(shape: Shape) => shape.nullish();

/** A wish: what else it says of the provider's own cache is of no use to another one. */
const cache_control = optional(
  z.object({ type: z.literal("ephemeral"), ttl: optional(z.enum(["5m", "1h"])) }),
);
export type WireCacheControl = z.infer<typeof cache_control>;

/** Other callers than the model itself are programs that run at the provider. */
const caller = optional(z.strictObject({ type: z.literal("direct") }));
const citations = optional(z.strictObject({ enabled: optional(z.boolean()) }));

const TextBlock = z.strictObject({
  type: z.literal("text"),
  text: z.string(),
  cache_control,
  // Notes on what the model has said before, for people: it does not read them again.
  citations: z.unknown().optional(),
});

const MediaSource = [
  z.strictObject({ type: z.literal("base64"), media_type: z.string(), data: z.string() }),
  z.strictObject({ type: z.literal("url"), url: z.string() }),
  z.strictObject({ type: z.literal("file"), file_id: z.string() }),
] as const;
const ImageSource = z.discriminatedUnion("type", MediaSource);
export type WireMediaSource = z.infer<typeof ImageSource>;

const ImageBlock = z.strictObject({ type: z.literal("image"), source: ImageSource, cache_control });

/** A text is a list of one. */
const contentOf = <Block extends z.ZodType>(block: Block) =>
  z.preprocess(
    (content) => (typeof content === "string" ? [{ type: "text", text: content }] : content),
    z.array(block),
  );

const DocumentBlock = z.strictObject({
  type: z.literal("document"),
  source: z.discriminatedUnion("type", [
    ...MediaSource,
    z.strictObject({ type: z.literal("text"), media_type: z.string(), data: z.string() }),
    z.strictObject({
      type: z.literal("content"),
      content: contentOf(z.discriminatedUnion("type", [TextBlock, ImageBlock])),
    }),
  ]),
  title: optional(z.string()),
  context: optional(z.string()),
  citations,
  cache_control,
});
export type WireDocument = z.infer<typeof DocumentBlock>;

const SearchResultBlock = z.strictObject({
  type: z.literal("search_result"),
  source: z.string(),
  title: z.string(),
  content: z.array(TextBlock),
  citations,
  cache_control,
});
export type WireSearchResult = z.infer<typeof SearchResultBlock>;

const ResultBlock = z.discriminatedUnion("type", [
  TextBlock,
  ImageBlock,
  DocumentBlock,
  SearchResultBlock,
  z.strictObject({ type: z.literal("tool_reference"), tool_name: z.string(), cache_control }),
]);
export type WireResultBlock = z.infer<typeof ResultBlock>;

const ToolResultBlock = z.strictObject({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: optional(contentOf(ResultBlock)),
  is_error: optional(z.boolean()),
  cache_control,
});
export type WireToolResult = z.infer<typeof ToolResultBlock>;

const UserBlock = z.discriminatedUnion("type", [
  TextBlock,
  ImageBlock,
  DocumentBlock,
  SearchResultBlock,
  ToolResultBlock,
]);
export type WireUserBlock = z.infer<typeof UserBlock>;

const ThinkingBlock = z.strictObject({
  type: z.literal("thinking"),
  thinking: z.string(),
  signature: z.string().default(""),
});
const RedactedThinkingBlock = z.strictObject({
  type: z.literal("redacted_thinking"),
  data: z.string(),
});
export type WireThinking = z.infer<typeof ThinkingBlock> | z.infer<typeof RedactedThinkingBlock>;

const AssistantBlock = z.discriminatedUnion("type", [
  TextBlock,
  ThinkingBlock,
  RedactedThinkingBlock,
  z.strictObject({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.unknown(),
    caller,
    cache_control,
  }),
]);
export type WireAssistantBlock = z.infer<typeof AssistantBlock>;

const effort = optional(z.enum(["low", "medium", "high", "xhigh", "max"]));

const Message = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("user"), content: contentOf(UserBlock) }),
  z.strictObject({ role: z.literal("assistant"), content: contentOf(AssistantBlock) }),
  z.strictObject({
    role: z.literal("system"),
    content: contentOf(TextBlock),
    clear_at: optional(z.enum(["never", "next_user_message"])),
    output_config: optional(z.strictObject({ effort })),
  }),
]);
export type WireMessage = z.infer<typeof Message>;

const JsonSchema = z.record(z.string(), z.unknown());

const Tool = z.strictObject({
  type: z.literal("custom"),
  name: z.string(),
  description: optional(z.string()),
  input_schema: JsonSchema,
  strict: optional(z.boolean()),
  input_examples: optional(z.array(JsonSchema)),
  allowed_callers: optional(z.array(z.string())),
  cache_control,
  // When its definition comes before the model, and in which pieces its arguments stream: the tool is the same.
  defer_loading: z.unknown().optional(),
  eager_input_streaming: z.unknown().optional(),
});
export type WireTool = z.infer<typeof Tool>;

const AnyTool = z.preprocess(
  (tool) =>
    typeof tool === "object" && tool !== null && ("type" in tool ? tool.type === null : true)
      ? { ...tool, type: "custom" }
      : tool,
  // Every other type is a tool that Anthropic runs, or one whose arguments only its own models know.
  z.discriminatedUnion("type", [Tool]),
);

const parallel = { disable_parallel_tool_use: optional(z.boolean()) };
const ToolChoice = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("auto"), ...parallel }),
  z.strictObject({ type: z.literal("any"), ...parallel }),
  z.strictObject({ type: z.literal("tool"), name: z.string(), ...parallel }),
  z.strictObject({ type: z.literal("none") }),
]);
export type WireToolChoice = z.infer<typeof ToolChoice>;

const shown = {
  display: optional(z.string()),
  // What its own models do with thoughts that were changed on the way.
  block_binding: z.unknown().optional(),
};
const Thinking = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("enabled"), budget_tokens: z.int(), ...shown }),
  z.strictObject({ type: z.literal("adaptive"), ...shown }),
  z.strictObject({ type: z.literal("between_tools"), ...shown }),
  z.strictObject({ type: z.literal("disabled") }),
]);

const Format = z.strictObject({ type: z.literal("json_schema"), schema: JsonSchema });

const ContextEdit = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("clear_thinking_20251015"),
    keep: optional(
      z.union([
        z.literal("all"),
        z.strictObject({ type: z.literal("all") }),
        z.strictObject({ type: z.literal("thinking_turns"), value: z.int().min(0) }),
      ]),
    ),
  }),
]);
export type WireContextEdit = z.infer<typeof ContextEdit>;

/** Every documented field that has a counterpart in `Prompt`. */
export const translatedFields = {
  messages: z.array(Message).min(1),
  system: optional(contentOf(TextBlock)),
  max_tokens: optional(z.int()),
  metadata: optional(z.strictObject({ user_id: optional(z.string()) })),
  stop_sequences: optional(z.array(z.string())),
  stream: optional(z.boolean()),
  temperature: optional(z.number()),
  top_k: optional(z.int()),
  top_p: optional(z.number()),
  tools: optional(z.array(AnyTool)),
  tool_choice: optional(ToolChoice),
  thinking: optional(Thinking),
  output_config: optional(z.strictObject({ effort, format: optional(Format) })),
  output_format: optional(Format),
  context_management: optional(z.strictObject({ edits: optional(z.array(ContextEdit)) })),
  cache_control,
  service_tier: optional(z.enum(["auto", "standard_only"])),
};

/** Unknown fields are kept: they are `Prompt.extra`. */
export const Request = z.looseObject(translatedFields);
export type WireRequest = z.infer<typeof Request>;
