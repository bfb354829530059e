/** /v1/conversations and their items. The API is OpenAI's; requests for responses add to them by `conversation`. */
import { z } from "zod";
import {
  addItems,
  type Conversation,
  canBeId,
  createConversation as create,
  deleteConversation as deleteAll,
  deleteItem,
  findConversation,
  findItem,
  listItems,
  toItems,
  updateConversation as update,
} from "../../domains/conversations/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { callHeaders } from "../client-errors.ts";
import { assertMayKeep } from "../conversations/assert-may-keep.ts";
import type { Call, Gateway } from "../gateway.ts";
import { invalidField } from "../requests/invalid-field.ts";
import { readJsonBody } from "../requests/read-json.ts";
import { pageOf, readItemPage } from "./item-page.ts";
import { idFrom } from "./listing.ts";

/** As at OpenAI. */
const ITEMS_AT_ONCE = 20;
const METADATA_MAX = 16;
const ITEM_SEGMENT = 5;

const Items = z.array(z.looseObject({ type: z.string().optional() })).max(ITEMS_AT_ONCE);
const Metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= METADATA_MAX, `at most ${METADATA_MAX} pairs`);
const NewConversation = z.looseObject({ items: Items.nullish(), metadata: Metadata.nullish() });
const Changes = z.looseObject({ metadata: Metadata });
const NewItems = z.looseObject({ items: Items.min(1) });

export async function createConversation(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await mayStore(gateway, call);
  const { items, metadata } = await readBody(gateway, call, NewConversation);
  admit(gateway, principal);
  const conversation = await create(gateway.responses.database, principal, {
    metadata: metadata ?? {},
    items: toItems(items ?? [], stemOf(call)),
  });
  return respond(call, toWire(conversation));
}

export async function showConversation(gateway: Gateway, call: Call): Promise<Response> {
  return respond(call, toWire((await found(gateway, call)).conversation));
}

export async function updateConversation(gateway: Gateway, call: Call): Promise<Response> {
  assertMayKeep(await authenticate(gateway, call), "conversations are not changed");
  const { metadata } = await readBody(gateway, call, Changes);
  const { principal, conversation } = await found(gateway, call);
  const { conversationId } = conversation;
  const { database } = gateway.responses;
  const changed = await update(database, principal, { conversationId, metadata });
  if (changed === undefined) throw noSuchConversation(call);
  return respond(call, toWire(changed));
}

export async function deleteConversation(gateway: Gateway, call: Call): Promise<Response> {
  const { principal, conversation } = await found(gateway, call);
  const { conversationId } = conversation;
  await deleteAll(gateway.responses.database, principal, conversationId);
  return respond(call, { id: conversationId, object: "conversation.deleted", deleted: true });
}

export async function addConversationItems(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await mayStore(gateway, call);
  const { items } = await readBody(gateway, call, NewItems);
  admit(gateway, principal);
  const added = await addItems(gateway.responses.database, principal, {
    conversationId: idFrom(call),
    items: toItems(items, stemOf(call)),
  });
  if (added === undefined) throw noSuchConversation(call);
  return respond(call, pageOf({ items: added, hasMore: false }));
}

export async function listConversationItems(gateway: Gateway, call: Call): Promise<Response> {
  const page = readItemPage(new URL(call.request.url).searchParams);
  const { conversation } = await found(gateway, call);
  return respond(call, pageOf(await listItems(gateway.responses.database, conversation, page)));
}

export async function showConversationItem(gateway: Gateway, call: Call): Promise<Response> {
  const { conversation } = await found(gateway, call);
  const item = await findItem(gateway.responses.database, conversation, itemIdFrom(call));
  if (item === undefined) throw noSuchItem(call);
  return respond(call, item);
}

export async function deleteConversationItem(gateway: Gateway, call: Call): Promise<Response> {
  const { conversation } = await found(gateway, call);
  await deleteItem(gateway.responses.database, conversation, itemIdFrom(call));
  return respond(call, toWire(conversation));
}

async function readBody<Shape extends z.ZodType>(
  gateway: Gateway,
  call: Call,
  shape: Shape,
): Promise<z.output<Shape>> {
  const { body } = await readJsonBody(call, gateway.limits);
  const parsed = shape.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  return parsed.data;
}

async function mayStore(gateway: Gateway, call: Call): Promise<Principal> {
  const principal = await authenticate(gateway, call);
  assertMayKeep(principal, "there are no conversations");
  await gateway.responses.assertRoom(principal.organizationId);
  return principal;
}

async function found(
  gateway: Gateway,
  call: Call,
): Promise<{ principal: Principal; conversation: Conversation }> {
  const principal = await authenticate(gateway, call);
  const id = idFrom(call);
  const { database } = gateway.responses;
  const conversation = canBeId(id) ? await findConversation(database, principal, id) : undefined;
  if (conversation === undefined) throw noSuchConversation(call);
  return { principal, conversation };
}

function itemIdFrom(call: Call): string {
  const id = new URL(call.request.url).pathname.split("/")[ITEM_SEGMENT] ?? "";
  if (!canBeId(id)) throw noSuchItem(call);
  return id;
}

const stemOf = ({ requestId }: Call): string => requestId.replaceAll("-", "");

const toWire = ({ conversationId, createdAt, metadata }: Conversation): JsonObject => ({
  id: conversationId,
  object: "conversation",
  created_at: Math.floor(createdAt.getTime() / 1_000),
  metadata,
});

const respond = (call: Call, body: JsonObject): Response =>
  Response.json(body, { headers: callHeaders(call) });

const noSuchConversation = (call: Call): Failure =>
  new Failure(
    "not_found",
    `There is no conversation '${idFrom(call).slice(0, 80)}' in this project.`,
    { code: "conversation_not_found", param: "conversation_id" },
  );

const noSuchItem = (call: Call): Failure =>
  new Failure("not_found", `There is no such item in the conversation '${idFrom(call)}'.`, {
    code: "item_not_found",
    param: "item_id",
  });
