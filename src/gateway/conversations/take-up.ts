/**
 * What was said before, put in front of what is said now: by `previous_response_id`, by `conversation`, or by items
 * that are named by their ids. From here on a request stands for itself.
 */
import {
  type Item,
  readAllItems,
  readConversationUpTo,
  readItems,
  toItems,
  toReplayed,
} from "../../domains/conversations/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Call, Gateway } from "../gateway.ts";
import type { AskedResponse, ResponsesBody } from "../requests/read-responses-request.ts";
import { assertMayKeep } from "./assert-may-keep.ts";

export type Turn = {
  /** With an input that stands for itself. */
  whole: AskedResponse;
  /** What came with this request, each with its id. */
  items: Item[];
  previousResponseId: string | null;
  conversationId: string | null;
  isStored: boolean;
};

/** @throws Failure `invalid`, `not_found` for what was said before and is not there */
export async function takeUp(
  gateway: Gateway,
  { call, principal, asking }: { call: Call; principal: Principal; asking: AskedResponse },
): Promise<Turn> {
  const { asked } = asking;
  const conversationId = conversationIdIn(asked);
  const previousResponseId = asked.previous_response_id ?? null;
  if (conversationId !== null && previousResponseId !== null) {
    throw invalid(
      "previous_response_id",
      "'previous_response_id' and 'conversation' exclude each other: a conversation knows what was said last.",
    );
  }
  assertStandsForItself(principal, { previousResponseId, conversationId });
  const isStored = asked.store !== false && gateway.responses.mayStore(principal);
  const said = toItems(asked.input ?? [], call.requestId.replaceAll("-", ""));
  const items = await resolved(gateway, principal, said);
  const history = await historyOf(gateway, principal, { previousResponseId, conversationId });
  if (items.length + history.length === 0) {
    throw invalid("input", "'input' is missing, and nothing was said before.");
  }
  const whole = withHistory(asking, { history, items, isSame: items === said });
  if (whole.bytes > gateway.limits.bodyBytesMax) throw tooLong(gateway.limits.bodyBytesMax);
  return {
    whole: isStored ? whole : unstored(whole),
    items,
    previousResponseId,
    conversationId,
    isStored,
  };
}

/** The answer repeats it: what is not stored must not say that it is. */
const unstored = (asking: AskedResponse): AskedResponse => ({
  ...asking,
  body: { ...asking.body, store: false },
  asked: { ...asking.asked, store: false },
});

/** Nothing was kept that it could go on from. */
function assertStandsForItself(principal: Principal, before: Before): void {
  const { previousResponseId, conversationId } = before;
  const advice = "send the whole conversation as 'input' instead";
  if (previousResponseId !== null) {
    const what = `there is no response to go on from: ${advice}`;
    assertMayKeep(principal, what, "previous_response_id");
  }
  if (conversationId !== null) {
    assertMayKeep(principal, `there are no conversations: ${advice}`, "conversation");
  }
}

function conversationIdIn({ conversation }: ResponsesBody): string | null {
  if (conversation == null) return null;
  return typeof conversation === "string" ? conversation : conversation.id;
}

type Before = Pick<Turn, "previousResponseId" | "conversationId">;

async function historyOf(
  { responses, limits }: Gateway,
  principal: Principal,
  { previousResponseId, conversationId }: Before,
): Promise<JsonObject[]> {
  const { database } = responses;
  if (previousResponseId !== null) {
    const from = { responseId: previousResponseId, bytesMax: limits.bodyBytesMax };
    return await responses.untilThere(() => readConversationUpTo(database, principal, from));
  }
  if (conversationId === null) return [];
  const items = await readAllItems(database, principal, conversationId);
  if (items !== undefined) return toReplayed(items, []);
  throw new Failure(
    "not_found",
    `There is no conversation '${conversationId.slice(0, SHOWN_CHARS_MAX)}' in this project.`,
    {
      code: "conversation_not_found",
      param: "conversation",
    },
  );
}

/** The same list where nothing is named by its id. */
async function resolved(
  { responses }: Gateway,
  principal: Principal,
  said: Item[],
): Promise<Item[]> {
  const wanted = said.flatMap((item) => (isReference(item) ? [item.id] : []));
  if (wanted.length === 0) return said;
  assertMayKeep(
    principal,
    "no item has an id that can be referred to: send the item itself",
    "input",
  );
  const ids = [...new Set(wanted)];
  const found = await responses.patiently(async () => {
    const items = await readItems(responses.database, principal, ids);
    return items.size === ids.length ? items : undefined;
  });
  if (found === undefined) throw await missingItem(responses.database, principal, said);
  return said.map((item) => (isReference(item) ? (found.get(item.id) ?? item) : item));
}

const isReference = ({ type, role }: JsonObject): boolean =>
  type === "item_reference" || (type === undefined && role === undefined);

async function missingItem(
  database: Gateway["database"],
  principal: Principal,
  said: readonly Item[],
): Promise<Failure> {
  const ids = said.filter(isReference).map(({ id }) => id);
  const found = await readItems(database, principal, ids);
  const index = said.findIndex((item) => isReference(item) && !found.has(item.id));
  const id = said[index]?.id.slice(0, SHOWN_CHARS_MAX);
  return new Failure(
    "not_found",
    `There is no stored item '${id}' in this project. It may have expired, or was answered with 'store': false: send the item itself.`,
    { code: "item_not_found", param: `input[${index}]` },
  );
}

const SHOWN_CHARS_MAX = 80;

/** Where nothing was said before, the client's own words stay as they are. */
function withHistory(
  asking: AskedResponse,
  { history, items, isSame }: { history: JsonObject[]; items: Item[]; isSame: boolean },
): AskedResponse {
  if (history.length === 0 && isSame) return asking;
  const input = [...history, ...toReplayed(items, [])];
  const added = isSame ? history : input;
  return {
    body: { ...asking.body, input },
    asked: { ...asking.asked, input },
    bytes: asking.bytes + Buffer.byteLength(JSON.stringify(added)),
  };
}

const tooLong = (bytesMax: number): Failure =>
  new Failure(
    "too_large",
    `With everything that was said before, the request is larger than ${bytesMax} bytes. Begin anew with a summary of it.`,
    { code: "conversation_too_long" },
  );

const invalid = (param: string, message: string): Failure =>
  new Failure("invalid", message, { code: "invalid_field", param });
