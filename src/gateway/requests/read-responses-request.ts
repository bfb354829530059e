/** Bytes → a validated request for a response. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { PREFIX_CHARS, SAMPLE_CHARS } from "../../domains/routing/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { chatExchange } from "../../providers/chat-exchange.ts";
import { boundOfTools } from "../../providers/dialects/openai-responses/provider-tools.ts";
import type { Call, Gateway, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { measureItems } from "./measure-items.ts";
import { readJsonBody } from "./read-json.ts";
import { refuseUnmetered } from "./refuse-unmetered.ts";
import { readServiceTier, readTold } from "./routing-facts.ts";

const TOKENS_MAX = 10_000_000;
const METADATA_MAX = 16;

const Flag = z.boolean().nullish();
const Item = z.looseObject({ type: z.string().nullish(), role: z.string().nullish() });
const Id = z.string().min(1).max(128);

const Body = z.looseObject({
  model: z.string().min(1).max(256),
  // Left out where the conversation before says it all.
  input: z
    .union([z.string(), z.array(Item)], { error: "expected a text or a list of items" })
    .nullish(),
  instructions: z.string().nullish(),
  stream: Flag,
  store: Flag,
  background: Flag,
  previous_response_id: Id.nullish(),
  conversation: z.union([Id, z.looseObject({ id: Id })]).nullish(),
  max_output_tokens: z.int().min(1).max(TOKENS_MAX).nullish(),
  max_tool_calls: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  include: z.array(z.string()).nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= METADATA_MAX, `at most ${METADATA_MAX} pairs`)
    .nullish(),
});
export type ResponsesBody = z.infer<typeof Body>;

/** What the client asks; `bytes`: of its body. */
export type AskedResponse = { body: JsonObject; asked: ResponsesBody; bytes: number };

export async function readResponsesBody(call: Call, limits: GatewayLimits): Promise<AskedResponse> {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  refuseForeign(parsed.data);
  return { body, asked: parsed.data, bytes: bytes.length };
}

/**
 * @param body as it was asked, with an input that stands for itself.
 * @throws Failure `invalid`, `too_large`
 */
export function toResponsesRequest(
  call: Call,
  { limits, clock }: Pick<Gateway, "limits" | "clock">,
  { body, asked, bytes }: AskedResponse,
): CallRequest {
  const items = itemsIn(asked);
  assertSize(items, limits);
  const parts = items.flatMap(partsOf);
  const measured = measureItems(bytes, parts);
  const outputTokensMax = asked.max_output_tokens ?? 0;
  const fixed = boundOfTools(body, measured.tokensMax + outputTokensMax);
  const told = readTold(call, body["metadata"]);
  return {
    operation: "chat",
    body,
    model: asked.model,
    isStream: asked.stream === true,
    exchange: chatExchange("openai-responses", body, {
      requestId: call.requestId,
      model: asked.model,
      createdS: Math.floor(call.startedAtMs / 1_000),
      nowS: () => Math.floor(clock.nowMs() / 1_000),
    }),
    producesTokens: true,
    choices: 1,
    maxTokens: asked.max_output_tokens ?? undefined,
    inputTokensMax: measured.tokensMax,
    inputTokensCounted: measured.tokensCounted,
    fixed,
    priceNeeds: [
      ...((fixed.search_units ?? 0) > 0 ? [["search_units"] as const] : []),
      ...((fixed.images ?? 0) > 0 ? [["images"] as const] : []),
    ],
    serviceTier: readServiceTier(body["service_tier"]),
    needs: needsOf(asked, parts),
    facts: {
      metadata: told.metadata,
      task: told.task,
      sampleText: () => lastUserText(items).slice(0, SAMPLE_CHARS),
      prefix: () =>
        `${asked.instructions ?? ""}${JSON.stringify(asked.input)}`.slice(0, PREFIX_CHARS),
    },
    timeoutMs: told.timeoutMs,
  };
}

type WireItem = z.infer<typeof Item>;

function itemsIn({ input }: ResponsesBody): readonly WireItem[] {
  return typeof input === "string" ? [{ role: "user", content: input }] : (input ?? []);
}

function assertSize(items: readonly WireItem[], limits: GatewayLimits): void {
  if (items.length <= limits.messagesMax) return;
  throw new Failure(
    "invalid",
    `At most ${limits.messagesMax} items are taken, those of the conversation before included.`,
    { param: "input", code: "too_many_items" },
  );
}

/** Of a message, or of what a tool has answered. */
function partsOf(item: WireItem): JsonObject[] {
  const { content, output } = item as JsonObject;
  const list = Array.isArray(content) ? content : output;
  return Array.isArray(list) ? list.filter((part) => typeof part?.type === "string") : [];
}

/**
 * Whose owner nobody here could know: at a provider, all organizations share one account.
 *
 * @throws Failure `invalid`
 */
function refuseForeign(asked: ResponsesBody): void {
  refuseUnmetered(asked);
  if (asked["prompt"] != null) {
    throw notTaken("prompt", `templates ${SHARED}`);
  }
  for (const [index, tool] of (asked.tools ?? []).entries()) {
    const what = foreignIn(tool);
    if (what !== undefined) throw notTaken(`tools[${index}]`, `${what} ${SHARED}`);
  }
  for (const [index, item] of itemsIn(asked).entries()) {
    const file = partsOf(item).find(({ file_id }) => file_id != null);
    if (file === undefined) continue;
    throw notTaken(
      `input[${index}]`,
      `files ${SHARED}. Send the file itself or its address instead of 'file_id'`,
    );
  }
}

const SHARED = "at the provider belong to all who share its account";

function foreignIn(tool: JsonObject): string | undefined {
  if (tool["type"] === "file_search") {
    return "vector stores";
  }
  const place = tool["container"] ?? tool["environment"];
  if (place === undefined || place === null) return undefined;
  const { type, file_ids, skills } = place as JsonObject;
  const isNamed = typeof place === "string" || type === "container_reference";
  const holds = [file_ids, skills].some((list) => Array.isArray(list) && list.length > 0);
  if (!isNamed && !holds) return undefined;
  return "containers, files and skills";
}

const notTaken = (param: string, why: string): Failure =>
  new Failure("invalid", `'${param}' is not taken: ${why}.`, { param, code: "not_supported" });

const modalityOfPart: Readonly<Record<string, string>> = {
  input_image: "image",
  input_audio: "audio",
  input_file: "file",
};

/** Only effort insists on thinking: a summary is shown where there is something to be shown. */
function needsOf(asked: ResponsesBody, parts: readonly JsonObject[]): CallRequest["needs"] {
  const { tools, text, reasoning, include } = asked;
  const effort = reasoning?.effort;
  const needs: [string, boolean][] = [
    ["tools", tools != null && tools.length > 0],
    ["structured_output", text?.format != null && text.format.type !== "text"],
    ["reasoning", effort != null && effort !== "none"],
    ["logprobs", include?.includes("message.output_text.logprobs") === true],
  ];
  const modalities = parts.flatMap(({ type }) => modalityOfPart[String(type)] ?? []);
  return {
    capabilities: needs.flatMap(([name, isNeeded]) => (isNeeded ? [name] : [])),
    modalities: [...new Set(modalities)],
  };
}

function lastUserText(items: readonly WireItem[]): string {
  const message = items.findLast(({ role }) => role === "user") as JsonObject | undefined;
  const content = message?.["content"];
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (typeof part?.text === "string" ? part.text : "")).join(" ");
}
