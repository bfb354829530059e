/** /v1/responses/{id}: show, follow, delete, cancel, and what was asked. The API is OpenAI's. */
import {
  canBeId,
  cancelResponse as cancel,
  deleteResponse as deleteStored,
  findResponse,
  type StoredResponse,
} from "../../domains/conversations/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { authenticate } from "../admit/authenticate.ts";
import { callHeaders } from "../client-errors.ts";
import { followResponse } from "../conversations/follow-response.ts";
import type { Call, Gateway } from "../gateway.ts";
import { pageOf, readItemPage } from "./item-page.ts";
import { idFrom } from "./listing.ts";

export async function showResponse(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const { response, responseId } = await stored(gateway, call);
  const query = new URL(call.request.url).searchParams;
  if (query.get("stream") !== "true") return respond(call, response);
  const fromNumber = readStartingAfter(query) + 1;
  return followResponse(gateway, { call, tenant: principal, responseId, fromNumber, response });
}

export async function deleteResponse(gateway: Gateway, call: Call): Promise<Response> {
  const { responseId } = await stored(gateway, call);
  const principal = await authenticate(gateway, call);
  await deleteStored(gateway.responses.database, principal, responseId);
  return respond(call, { id: responseId, object: "response", deleted: true });
}

export async function cancelResponse(gateway: Gateway, call: Call): Promise<Response> {
  const { responseId } = await stored(gateway, call);
  const principal = await authenticate(gateway, call);
  const cancelled = await cancel(gateway.responses.database, principal, responseId);
  if (cancelled === undefined) throw noSuchResponse(call);
  return respond(call, cancelled.response);
}

export async function listInputItems(gateway: Gateway, call: Call): Promise<Response> {
  const page = readItemPage(new URL(call.request.url).searchParams);
  const { input } = await stored(gateway, call);
  const inOrder = page.order === "asc" ? input : input.toReversed();
  const start = page.after === undefined ? 0 : inOrder.findIndex(({ id }) => id === page.after) + 1;
  const items = inOrder.slice(start, start + page.limit);
  return respond(call, pageOf({ items, hasMore: start + page.limit < inOrder.length }));
}

/** Looked for again for a moment: it may have been answered just now. */
async function stored(gateway: Gateway, call: Call): Promise<StoredResponse> {
  const principal = await authenticate(gateway, call);
  const { responses } = gateway;
  const responseId = idFrom(call);
  if (!canBeId(responseId)) throw noSuchResponse(call);
  const find = () => findResponse(responses.database, principal, responseId);
  const found = await responses.patiently(find);
  if (found === undefined) throw noSuchResponse(call);
  return found;
}

/** The number of the last event that the client has seen. */
function readStartingAfter(query: URLSearchParams): number {
  const text = query.get("starting_after");
  if (text === null) return -1;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Failure("invalid", "'starting_after' must be the 'sequence_number' of an event.", {
    code: "invalid_field",
    param: "starting_after",
  });
}

const respond = (call: Call, body: JsonObject): Response =>
  Response.json(body, { headers: callHeaders(call) });

const noSuchResponse = (call: Call): Failure =>
  new Failure(
    "not_found",
    `There is no stored response '${idFrom(call).slice(0, 80)}' in this project. It may have expired, or was created with 'store': false.`,
    { code: "response_not_found", param: "response_id" },
  );
