/** Bytes → a validated chat request. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { PREFIX_CHARS, SAMPLE_CHARS } from "../../domains/routing/index.ts";
import type { Capability, Modality } from "../../lib/abilities.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { chatExchange } from "../../providers/chat-exchange.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { measureChat } from "./measure-chat.ts";
import { readJsonBody } from "./read-json.ts";
import { refuseUnmetered } from "./refuse-unmetered.ts";
import { readServiceTier, readTold } from "./routing-facts.ts";

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
  refuseUnmetered(body);
  refuseForeign(messages);
  const told = readTold(call, body["metadata"]);
  const measured = measureChat(bytes.length, { messages, tools: parsed.data.tools ?? [] });
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
    inputTokensMax: measured.tokensMax,
    inputTokensCounted: measured.tokensCounted,
  };
}

type ParsedBody = z.infer<typeof Body>;

/** @throws Failure `invalid` for a file whose owner nobody here could know */
function refuseForeign(messages: ParsedBody["messages"]): void {
  for (const [index, { content }] of messages.entries()) {
    if (!Array.isArray(content)) continue;
    const isForeign = content.some(
      ({ file }) => (file as JsonObject | null | undefined)?.["file_id"] != null,
    );
    if (!isForeign) continue;
    const param = `messages[${index}]`;
    throw new Failure(
      "invalid",
      `'${param}' is not taken: files at the provider belong to all who share its account. Send the file itself as 'file_data' instead of 'file_id'.`,
      { param, code: "not_supported" },
    );
  }
}

const modalityOfPart: ReadonlyMap<string, Modality> = new Map([
  ["image_url", "image"],
  ["input_audio", "audio"],
  ["file", "file"],
  ["video_url", "video"],
]);

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
      const modality = modalityOfPart.get(part.type);
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
