/** An answer that has been sent and settled, on its way into the store. */
import {
  canBeId,
  type Item,
  type NewResponse,
  RETENTION_DAYS,
  type ResponseStatus,
  TEST_RETENTION_DAYS,
  toItems,
} from "../../domains/conversations/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import type { JsonObject } from "../../lib/json.ts";
import { readFrame, SseSplitter } from "../../lib/sse.ts";
import type { Call, Gateway } from "../gateway.ts";
import type { Turn } from "./take-up.ts";

export type Answering = { call: Call; principal: Principal; turn: Turn };

/**
 * How long the end of an answer waits until its conversation has it. A database that is away does not hold up who was
 * answered already.
 */
const STORED_WITHIN_MS = 2_000;

/**
 * @param end the whole answer, or the last event of its stream, which has all of it.
 * @returns undefined where nobody needs to wait for it.
 */
export function keepAnswer(
  gateway: Gateway,
  answering: Answering,
  end: Uint8Array,
): Promise<void> | undefined {
  const { call, turn } = answering;
  const response = responseIn(end, turn.whole.asked.stream === true);
  const id = response?.["id"];
  if (response === undefined || typeof id !== "string" || !canBeId(id)) {
    gateway.log.warn("a response is not stored: its provider gave it no id that can be used", {
      requestId: call.requestId,
    });
    return undefined;
  }
  const kept = toNewResponse(answering, { response, status: statusOf(response) });
  const answered = Array.isArray(response["output"]) ? (response["output"] as JsonObject[]) : [];
  const items: Item[] = [...turn.items, ...toItems(answered, `${call.requestId}out`)];
  const stored = gateway.responses.keep({ ...kept, items }, end.length + turn.whole.bytes);
  return turn.conversationId === null ? undefined : withinPatience(stored);
}

async function withinPatience(stored: Promise<void>): Promise<void> {
  const patience = Promise.withResolvers<void>();
  const timer = setTimeout(patience.resolve, STORED_WITHIN_MS);
  await Promise.race([stored, patience.promise]);
  clearTimeout(timer);
}

const decoder = new TextDecoder();

function responseIn(end: Uint8Array, isStream: boolean): JsonObject | undefined {
  try {
    if (!isStream) return JSON.parse(decoder.decode(end)) as JsonObject;
    const event = JSON.parse(lastFrameIn(end)) as JsonObject;
    return event["response"] as JsonObject | undefined;
  } catch {
    return undefined;
  }
}

/** An encoder that was never told how the answer ends says so with its last frames. */
function lastFrameIn(end: Uint8Array): string {
  const frames = new SseSplitter({ frameBytesMax: Number.POSITIVE_INFINITY }).take(end);
  const last = frames.at(-1);
  return (last && readFrame(last).data) ?? "";
}

function statusOf({ status }: JsonObject): ResponseStatus {
  return status === "incomplete" ? "incomplete" : "completed";
}

/** A provider does not know what was said before, nor that anything is stored. */
export function toNewResponse(
  { principal, turn }: Answering,
  { response, status }: { response: JsonObject; status: ResponseStatus },
): NewResponse {
  const { organizationId, projectId, keyId, mode } = principal;
  const { items, previousResponseId, conversationId } = turn;
  return {
    organizationId,
    projectId,
    keyId,
    responseId: String(response["id"]),
    status,
    previousResponseId,
    conversationId,
    input: items,
    response: {
      ...response,
      store: true,
      previous_response_id: previousResponseId,
      conversation: conversationId === null ? null : { id: conversationId },
    },
    retentionDays: mode === "test" ? TEST_RETENTION_DAYS : RETENTION_DAYS,
  };
}
