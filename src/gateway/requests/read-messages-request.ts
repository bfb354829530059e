/** Bytes → a validated request for a message. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { PREFIX_CHARS, SAMPLE_CHARS } from "../../domains/routing/index.ts";
import type { Capability, Modality } from "../../lib/abilities.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Quantities } from "../../lib/quantities.ts";
import { chatExchange } from "../../providers/chat-exchange.ts";
import { clientHeaders } from "../../providers/dialects/anthropic-messages/client-headers.ts";
import {
  serverWorkOf,
  tokensReadAgain,
} from "../../providers/dialects/anthropic-messages/server-tools.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { type Block, measureMessages } from "./measure-messages.ts";
import { readJsonBody } from "./read-json.ts";
import { refuseUnmetered } from "./refuse-unmetered.ts";
import { readTold } from "./routing-facts.ts";

const TOKENS_MAX = 10_000_000;
/** Of the summary that a provider writes when it shortens a conversation. */
const SUMMARY_TOKENS_MAX = 16_384;

const AnyBlock = z.looseObject({ type: z.string() });
const Content = z.union([z.string(), z.array(AnyBlock)], {
  error: "expected a text or a list of blocks",
});
const Message = z.looseObject({
  role: z.enum(["user", "assistant", "system"]),
  content: Content.nullish(),
});

const Body = z.looseObject({
  model: z.string().min(1).max(256),
  messages: z.array(Message).min(1),
  // 0: the prompt is only put into the provider's cache.
  max_tokens: z.int().min(0).max(TOKENS_MAX),
  system: Content.nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  stop_sequences: z.array(z.string()).max(8_192).nullish(),
  tools: z.array(z.looseObject({ type: z.string().nullish() })).nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string() }).nullish(),
  output_config: z.looseObject({}).nullish(),
  context_management: z
    .looseObject({ edits: z.array(z.looseObject({ type: z.string() })).nullish() })
    .nullish(),
});
/** Only a limit of the answer is not needed to count what is asked. */
const CountBody = Body.extend({ max_tokens: Body.shape.max_tokens.nullish() });

export type MessagesBody = z.infer<typeof CountBody>;

export const readMessagesRequest = (call: Call, limits: GatewayLimits): Promise<CallRequest> =>
  readRequest(Body, call, limits);

/** Of `count_tokens`, which takes the same request without its limit. */
export const readCountRequest = (call: Call, limits: GatewayLimits): Promise<CallRequest> =>
  readRequest(CountBody, call, limits);

async function readRequest(
  shape: z.ZodType<MessagesBody>,
  call: Call,
  limits: GatewayLimits,
): Promise<CallRequest> {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = shape.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  const asked = parsed.data;
  if (asked.messages.length > limits.messagesMax) {
    throw new Failure("invalid", `At most ${limits.messagesMax} messages are taken.`, {
      param: "messages",
    });
  }
  const blocks = blocksOf(asked);
  refuseForeign(body, blocks);
  refuseUnmetered(body);
  const measured = measureMessages(bytes.length, { blocks, tools: asked.tools ?? [] });
  const beside = boundsBeside(asked, measured.tokensMax);
  const told = readTold(call, body["metadata"]);
  return {
    operation: "chat",
    body,
    model: asked.model,
    isStream: asked.stream === true,
    exchange: chatExchange("anthropic-messages", body, {
      requestId: call.requestId,
      model: asked.model,
      createdS: Math.floor(call.startedAtMs / 1_000),
      headers: clientHeaders(call.request.headers),
    }),
    producesTokens: true,
    choices: 1,
    maxTokens: asked.max_tokens ?? undefined,
    inputTokensMax: measured.tokensMax + beside.tokensReadAgain,
    inputTokensCounted: measured.tokensCounted,
    contexts: 1 + beside.readings,
    fixed: beside.fixed,
    priceNeeds: (beside.fixed.search_units ?? 0) > 0 ? [["search_units"]] : [],
    // Fast and dear, as other providers call it.
    serviceTier: body["speed"] === "fast" ? "priority" : "standard",
    needs: needsOf(asked, blocks),
    facts: {
      metadata: told.metadata,
      task: told.task,
      sampleText: () => lastUserText(asked).slice(0, SAMPLE_CHARS),
      prefix: () =>
        `${JSON.stringify(asked.system ?? "")}${JSON.stringify(asked.messages)}`.slice(
          0,
          PREFIX_CHARS,
        ),
    },
    timeoutMs: told.timeoutMs,
  };
}

/** Every block of content, those within results of tools and within documents included. */
function blocksOf({ messages }: MessagesBody): Block[] {
  const open = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const blocks: Block[] = [];
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    blocks.push(block);
    const { content, source } = block as Block;
    const inner = (source as JsonObject | null | undefined)?.["content"];
    for (const list of [content, inner]) {
      if (Array.isArray(list)) open.push(...list.filter((one) => typeof one?.type === "string"));
    }
  }
  return blocks;
}

/** Whose bounds or whose owner nobody here could know. */
const foreign: Readonly<Record<string, string>> = {
  fallbacks: "other models answer by a route here, at their own price",
  fallback_credit_token: "other models answer by a route here, at their own price",
  inference_geo: "an operator chooses where a model runs, and what it costs there",
  thread: "a conversation is sent with every call here, not kept at the provider",
};

/** @throws Failure `invalid` for what reaches beyond the call: another one's price, place, files or conversation. */
function refuseForeign(body: JsonObject, blocks: readonly Block[]): void {
  for (const [field, why] of Object.entries(foreign)) {
    const value = body[field];
    if (value !== undefined && value !== null) throw notTaken(field, why);
  }
  const tools = Array.isArray(body["tools"]) ? (body["tools"] as JsonObject[]) : [];
  if (tools.some(({ type }) => typeof type === "string" && type.startsWith("advisor_"))) {
    throw notTaken("tools", "an advisor is another model, with a price of its own");
  }
  const isFile = ({ type, source }: Block) =>
    type === "container_upload" || (source as JsonObject | undefined)?.["type"] === "file";
  if (blocks.some(isFile)) {
    throw notTaken("messages", "files at the provider belong to all who share its account");
  }
}

const notTaken = (param: string, why: string): Failure =>
  new Failure("invalid", `'${param}' is not taken: ${why}.`, { param, code: "not_supported" });

/** What a provider may do beside reading the prompt once and answering it. */
function boundsBeside(
  asked: MessagesBody,
  promptTokens: number,
): { readings: number; tokensReadAgain: number; fixed: Quantities } {
  const once = promptTokens + (asked.max_tokens ?? 0);
  const work = serverWorkOf(asked);
  const isShortened =
    asked["compaction"] != null ||
    (asked.context_management?.edits ?? []).some(({ type }) => type.startsWith("compact_"));
  return {
    readings: work.rounds + (isShortened ? 1 : 0),
    tokensReadAgain: tokensReadAgain(work, once) + (isShortened ? once : 0),
    fixed: {
      ...(isShortened ? { output_text: SUMMARY_TOKENS_MAX } : {}),
      ...(work.searches > 0 ? { search_units: work.searches } : {}),
    },
  };
}

const modalityOfBlock: Readonly<Record<string, Modality>> = { image: "image", document: "file" };

function needsOf(asked: MessagesBody, blocks: readonly Block[]): CallRequest["needs"] {
  const capabilities: Capability[] = [];
  if (asked.tools != null && asked.tools.length > 0) capabilities.push("tools");
  if (asked.output_config?.["format"] != null || asked["output_format"] != null) {
    capabilities.push("structured_output");
  }
  // Only a budget insists: everything else leaves it to the model whether to think.
  if (asked.thinking?.type === "enabled") capabilities.push("reasoning");
  const modalities = new Set(blocks.flatMap(({ type }) => modalityOfBlock[type] ?? []));
  return { capabilities, modalities: [...modalities] };
}

function lastUserText({ messages }: MessagesBody): string {
  const content = messages.findLast(({ role }) => role === "user")?.content;
  if (typeof content === "string") return content;
  return (content ?? [])
    .map((block) => (typeof block["text"] === "string" ? block["text"] : ""))
    .join(" ");
}
