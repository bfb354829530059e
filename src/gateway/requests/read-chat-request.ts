/** Bytes → a validated chat request. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { PREFIX_CHARS, SAMPLE_CHARS } from "../../domains/routing/index.ts";
import type { Capability, Modality } from "../../lib/abilities.ts";
import { Failure } from "../../lib/errors.ts";
import { chatExchange } from "../../providers/chat-exchange.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { readJsonBody } from "./read-json.ts";
import { readServiceTier, readTold } from "./routing-facts.ts";
import {
  AUDIO_BYTES_PER_TOKEN,
  BYTES_PER_TOKEN,
  IMAGE_TOKENS_MAX,
  IMAGE_TOKENS_USUAL,
  TEMPLATE_TOKENS_MAX,
} from "./token-bounds.ts";

const CHOICES_MAX = 128;
const TOKENS_MAX = 10_000_000;

const Part = z.looseObject({ type: z.string() });
const Message = z.looseObject({
  role: z.string().min(1),
  content: z
    .union([z.string(), z.array(Part), z.null()], { error: "expected a text or a list of parts" })
    .optional(),
});
const Tokens = z.int().min(1).max(TOKENS_MAX).nullish();
const Flag = z.boolean().nullish();

const Body = z.looseObject({
  model: z.string().min(1).max(256),
  messages: z.array(Message).min(1),
  stream: Flag,
  stream_options: z.looseObject({ include_usage: Flag }).nullish(),
  max_tokens: Tokens,
  max_completion_tokens: Tokens,
  n: z.int().min(1).max(CHOICES_MAX).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z
    .union([z.string(), z.array(z.string()).max(16)], { error: "expected a text or up to 16" })
    .nullish(),
  seed: z.int().nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  logprobs: Flag,
  reasoning_effort: z.unknown().optional(),
});

export async function readChatRequest(call: Call, limits: GatewayLimits): Promise<CallRequest> {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  const { messages, stream, stream_options, n } = parsed.data;
  if (messages.length > limits.messagesMax) {
    throw new Failure("invalid", `At most ${limits.messagesMax} messages are taken.`, {
      param: "messages",
    });
  }
  if (stream_options != null && stream !== true) {
    throw new Failure("invalid", "'stream_options' is only allowed when 'stream' is true.", {
      param: "stream_options",
    });
  }
  const told = readTold(call, body["metadata"]);
  const media = measureMedia(messages);
  const textBytes = bytes.length - media.bytes;
  return {
    operation: "chat",
    body,
    model: parsed.data.model,
    isStream: stream === true,
    exchange: chatExchange("openai-chat", body, {
      requestId: call.requestId,
      model: parsed.data.model,
      createdS: Math.floor(call.startedAtMs / 1_000),
    }),
    producesTokens: true,
    fixed: {},
    serviceTier: readServiceTier(body["service_tier"]),
    needs: needsOf(parsed.data),
    facts: {
      metadata: told.metadata,
      task: told.task,
      sampleText: () => lastUserText(messages).slice(0, SAMPLE_CHARS),
      prefix: () => JSON.stringify(messages).slice(0, PREFIX_CHARS),
    },
    timeoutMs: told.timeoutMs,
    choices: n ?? 1,
    maxTokens: parsed.data.max_completion_tokens ?? parsed.data.max_tokens ?? undefined,
    inputTokensMax: textBytes + TEMPLATE_TOKENS_MAX + media.tokensMax,
    inputTokensCounted: Math.ceil(textBytes / BYTES_PER_TOKEN) + media.tokensCounted,
  };
}

type ParsedBody = z.infer<typeof Body>;

const modalityOfPart: Readonly<Record<string, Modality>> = {
  image_url: "image",
  input_audio: "audio",
  file: "file",
};

/** Only effort insists on thinking. */
function needsOf(asked: ParsedBody): CallRequest["needs"] {
  const { tools, response_format, logprobs, reasoning_effort, messages } = asked;
  const capabilities: Capability[] = [];
  if (tools != null && tools.length > 0) capabilities.push("tools");
  if (response_format != null && response_format.type !== "text") {
    capabilities.push("structured_output");
  }
  if (reasoning_effort != null && reasoning_effort !== "none") capabilities.push("reasoning");
  if (logprobs === true) capabilities.push("logprobs");
  const modalities = new Set<Modality>();
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content) {
      const modality = modalityOfPart[part.type];
      if (modality !== undefined) modalities.add(modality);
    }
  }
  return { capabilities, modalities: [...modalities] };
}

function lastUserText(messages: ParsedBody["messages"]): string {
  const content = messages.findLast(({ role }) => role === "user")?.content;
  if (typeof content === "string") return content;
  return (content ?? [])
    .map((part) => (typeof part["text"] === "string" ? part["text"] : ""))
    .join(" ");
}

/** Pictures and sound come as long texts that are no text: they are measured apart. */
function measureMedia(messages: readonly z.infer<typeof Message>[]) {
  const media = { bytes: 0, tokensMax: 0, tokensCounted: 0 };
  for (const message of messages) {
    if (!Array.isArray(message.content)) continue;
    for (const part of message.content) {
      if (part.type === "image_url") {
        media.bytes += textLength(part["image_url"], "url");
        media.tokensMax += IMAGE_TOKENS_MAX;
        media.tokensCounted += IMAGE_TOKENS_USUAL;
      } else if (part.type === "input_audio") {
        const length = textLength(part["input_audio"], "data");
        media.bytes += length;
        media.tokensMax += Math.ceil(length / AUDIO_BYTES_PER_TOKEN);
        media.tokensCounted += Math.ceil(length / AUDIO_BYTES_PER_TOKEN / BYTES_PER_TOKEN);
      }
    }
  }
  return media;
}

function textLength(holder: unknown, field: string): number {
  const text = (holder as Record<string, unknown> | null | undefined)?.[field];
  return typeof text === "string" ? text.length : 0;
}
