/** A page of items, as OpenAI lists them. */
import { canBeId, type ItemPage, type ItemPageRequest } from "../../domains/conversations/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { readLimit } from "./listing.ts";

const LIMIT = { usual: 20, most: 100 };

/** The newest come first unless the client says otherwise. */
export function readItemPage(query: URLSearchParams): ItemPageRequest {
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") {
    throw new Failure("invalid", "'order' must be 'asc' or 'desc'.", {
      code: "invalid_field",
      param: "order",
    });
  }
  const after = query.get("after") ?? undefined;
  if (after !== undefined && !canBeId(after)) {
    throw new Failure("invalid", "'after' must be the id of an item.", {
      code: "invalid_field",
      param: "after",
    });
  }
  return { limit: readLimit(query, LIMIT), order, after };
}

export function pageOf({ items, hasMore }: ItemPage): JsonObject {
  return {
    object: "list",
    data: items,
    first_id: items[0]?.id ?? null,
    last_id: items.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
