/**
 * What a prompt means in the words of a dialect, in a shape in which prompts can be compared. What is left out here is
 * lost in that dialect, and nothing else may be.
 */
import type {
  AssistantPart,
  Prompt,
  PromptMessage,
  ResponseFormat,
  UserPart,
} from "../../src/providers/neutral/prompt.ts";
import type { ChatDialectName } from "../../src/providers/upstream.ts";

export function meaningIn(dialect: ChatDialectName, prompt: Prompt): unknown {
  const { messages, tools, ...wishes } = prompt;
  return {
    ...wishes,
    // The provider's limit is another one, and labels are for who stores answers, which is us.
    maxOutputTokens: undefined,
    metadata: undefined,
    tools: tools.map(({ strict = false, ...tool }) => ({ ...tool, strict })),
    ...particular[dialect](prompt),
    messages: messages.map((message) => meaningOf(dialect, message)),
  };
}

function meaningOf(dialect: ChatDialectName, message: PromptMessage): PromptMessage {
  if (message.role === "user") return { ...message, parts: message.parts.map(withDetail) };
  if (message.role !== "assistant") return message;
  return { ...message, parts: message.parts.filter((part) => isReadBy(dialect, part)) };
}

function withDetail(part: UserPart): UserPart {
  return part.type === "image" ? { detail: "auto", ...part } : part;
}

/** Thoughts are only read by who has sealed them; the list that the dialect of chat knows has room for all. */
function isReadBy(dialect: ChatDialectName, part: AssistantPart): boolean {
  return part.type !== "reasoning" || dialect === "openai-chat" || part.sealedBy === dialect;
}

/** The wishes that mean something else, or nothing, in a dialect. */
const particular: Readonly<Record<ChatDialectName, (prompt: Prompt) => object>> = {
  "openai-chat": () => ({}),
  "openai-responses": () => ({}),
  "anthropic-messages": ({ reasoning, responseFormat, tools, ...rest }) => ({
    // Its cache is found by how a prompt begins.
    cacheKey: undefined,
    // That tools may be called, and several at once, is what holds anyway.
    ...(tools.length === 0
      ? {}
      : {
          toolChoice: rest.toolChoice ?? "auto",
          parallelToolCalls: rest.toolChoice === "none" || (rest.parallelToolCalls ?? true),
        }),
    ...(reasoning === undefined ? {} : { reasoning: { ...reasoning, isOptional: true } }),
    ...(responseFormat === undefined ? {} : { responseFormat: withoutName(responseFormat) }),
  }),
};

/** The name of a schema is a label for people, and its description is read with the schema. */
function withoutName(format: ResponseFormat): ResponseFormat {
  if (format.type !== "json_schema") return format;
  const { description, schema, ...rest } = format;
  const described = description === undefined ? schema : { ...schema, description };
  return { ...rest, schema: described, name: "answer" };
}
