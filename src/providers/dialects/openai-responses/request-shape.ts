/**
 * What OpenAI documents of a Responses request, as far as it can be said in other words.
 * https://platform.openai.com/docs/api-reference/responses/create
 */
import { z } from "zod";
import { isRecord } from "../openai-chat/wire.ts";

/** `null` means the same as leaving it out, everywhere in this API. */
const optional = <Shape extends z.ZodType>(shape: Shape) => shape.nullish();

/** What an answer carries and a request does not: it tells the model nothing. */
const unread = z.unknown().optional();
const ofAnswers = { annotations: unread, logprobs: unread, parsed: unread };

const cacheFields = {
  prompt_cache_breakpoint: optional(
    z.strictObject({ mode: z.literal("explicit"), ttl: optional(z.string()) }),
  ),
};

const InputText = z.strictObject({
  type: z.literal("input_text"),
  text: z.string(),
  ...cacheFields,
});
const InputImage = z.strictObject({
  type: z.literal("input_image"),
  image_url: optional(z.string()),
  file_id: optional(z.string()),
  detail: optional(z.enum(["auto", "low", "high", "original"])),
  ...cacheFields,
});
const InputFile = z.strictObject({
  type: z.literal("input_file"),
  file_data: optional(z.string()),
  file_id: optional(z.string()),
  file_url: optional(z.string()),
  filename: optional(z.string()),
  detail: optional(z.enum(["auto", "low", "high"])),
  ...cacheFields,
});
const InputAudio = z.strictObject({
  type: z.literal("input_audio"),
  input_audio: z.strictObject({ data: z.string(), format: z.string() }),
});
const OutputText = z.strictObject({
  type: z.literal("output_text"),
  text: z.string(),
  ...ofAnswers,
});
const Refusal = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });

const contentOf = <Part extends z.ZodType>(part: Part) =>
  z.preprocess(
    (content) => (typeof content === "string" ? [{ type: "input_text", text: content }] : content),
    z.array(part),
  );

/** Of items that come back as history: another way to name them, and how far they had come. */
const itemFields = { id: optional(z.string()), status: optional(z.string()) };

const UserMessage = z.strictObject({
  type: z.literal("message"),
  role: z.literal("user"),
  content: contentOf(z.discriminatedUnion("type", [InputText, InputImage, InputFile, InputAudio])),
  ...itemFields,
});
const SystemMessage = z.strictObject({
  type: z.literal("message"),
  role: z.enum(["system", "developer"]),
  content: contentOf(InputText),
  ...itemFields,
});
const AssistantMessage = z.strictObject({
  type: z.literal("message"),
  role: z.literal("assistant"),
  content: contentOf(z.discriminatedUnion("type", [OutputText, Refusal, InputText])),
  // Only models of OpenAI tell their comments from their answers.
  phase: optional(z.string()),
  ...itemFields,
});

const FunctionCall = z.strictObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
  parsed_arguments: unread,
  ...itemFields,
});
const FunctionCallOutput = z.strictObject({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: contentOf(z.discriminatedUnion("type", [InputText, InputImage, InputFile])),
  // The call that it answers has it already.
  name: optional(z.string()),
  ...itemFields,
});
const Reasoning = z.strictObject({
  type: z.literal("reasoning"),
  summary: optional(z.array(z.strictObject({ type: z.literal("summary_text"), text: z.string() }))),
  content: optional(
    z.array(z.strictObject({ type: z.literal("reasoning_text"), text: z.string() })),
  ),
  encrypted_content: optional(z.string()),
  ...itemFields,
});
/** Replaced by what it refers to before anything is translated, where there is such an item. */
const ItemReference = z.strictObject({ type: z.literal("item_reference"), id: z.string() });

/** Messages may leave their type out, references as well; answers of providers are full of nulls that say nothing. */
function toPlainItem(item: unknown): unknown {
  if (!isRecord(item)) return item;
  const said = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null));
  if (said["type"] !== undefined) return said;
  return { type: "role" in said ? "message" : "item_reference", ...said };
}

const Message = z.discriminatedUnion("role", [UserMessage, SystemMessage, AssistantMessage]);
const Item = z.preprocess(
  toPlainItem,
  z.discriminatedUnion("type", [
    Message,
    FunctionCall,
    FunctionCallOutput,
    Reasoning,
    ItemReference,
  ]),
);

export type WireInputPart = z.infer<
  typeof InputText | typeof InputImage | typeof InputFile | typeof InputAudio
>;
export type WireAssistantPart = z.infer<typeof OutputText | typeof Refusal | typeof InputText>;
export type WireItem = z.infer<typeof Item>;

const JsonSchema = z.record(z.string(), z.unknown());

const FunctionTool = z.preprocess(
  (tool) => (isRecord(tool) ? toPlainItem(tool) : tool),
  z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("function"),
      name: z.string(),
      description: optional(z.string()),
      parameters: optional(JsonSchema),
      strict: optional(z.boolean()),
    }),
  ]),
);
export type WireTool = z.infer<typeof FunctionTool>;

const NamedTool = z.strictObject({ type: z.literal("function"), name: z.string() });

const ToolChoice = z.preprocess(
  (choice) => (typeof choice === "string" ? { type: "mode", mode: choice } : choice),
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("mode"), mode: z.enum(["auto", "none", "required"]) }),
    NamedTool,
    z.strictObject({
      type: z.literal("allowed_tools"),
      mode: z.enum(["auto", "required"]),
      tools: z.array(z.discriminatedUnion("type", [NamedTool])),
    }),
  ]),
);

const TextFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name: z.string(),
    description: optional(z.string()),
    schema: JsonSchema,
    strict: optional(z.boolean()),
  }),
]);
export type WireTextFormat = z.infer<typeof TextFormat>;

const summary = optional(z.enum(["auto", "concise", "detailed"]));

/** Every documented field that has a counterpart in `Prompt`. */
export const translatedFields = {
  input: z.preprocess(
    (input) => (typeof input === "string" ? [{ role: "user", content: input }] : input),
    z.array(Item).min(1),
  ),
  instructions: optional(z.string()),
  tools: optional(z.array(FunctionTool)),
  tool_choice: optional(ToolChoice),
  parallel_tool_calls: optional(z.boolean()),
  text: optional(
    z.strictObject({
      format: optional(TextFormat),
      verbosity: optional(z.enum(["low", "medium", "high"])),
    }),
  ),
  max_output_tokens: optional(z.int()),
  temperature: optional(z.number()),
  top_p: optional(z.number()),
  top_logprobs: optional(z.int()),
  include: optional(z.array(z.string())),
  reasoning: optional(
    z.strictObject({
      effort: optional(z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
      summary,
      // Its older name.
      generate_summary: summary,
    }),
  ),
  service_tier: optional(z.string()),
  user: optional(z.string()),
  safety_identifier: optional(z.string()),
  metadata: optional(z.record(z.string(), z.string())),
  prompt_cache_key: optional(z.string()),
  stream: optional(z.boolean()),
};

/** Unknown fields are kept: they are `Prompt.extra`. */
export const Request = z.looseObject(translatedFields);
export type WireRequest = z.infer<typeof Request>;
