/** The list of models as Anthropic's clients want it: https://platform.claude.com/docs/en/api/models-list */
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Call } from "../gateway.ts";
import type { ListedModel } from "./models.ts";

/** Both kinds of clients ask at the same path; only this one's send their version. */
export const isAnthropic = ({ request }: Pick<Call, "request">): boolean =>
  request.headers.has("anthropic-version");

const LIMIT_USUAL = 20;
const LIMIT_MAX = 1_000;
/** For "nobody knows", by its documentation. */
const EPOCH = "1970-01-01T00:00:00Z";

export const toAnthropicModel = (model: ListedModel): JsonObject => ({
  type: "model",
  id: model.name,
  display_name: model.name,
  created_at: EPOCH,
  max_input_tokens: model.contextTokens,
  max_tokens: model.maxOutputTokens,
  capabilities: null,
  lifecycle: "active",
  line: null,
  deprecated_at: null,
  retires_at: null,
});

export function pageOfModels(models: readonly ListedModel[], request: Request): JsonObject {
  const { searchParams } = new URL(request.url);
  const limit = readLimit(searchParams.get("limit"));
  const after = positionOf(models, searchParams.get("after_id"), "after_id");
  const before = positionOf(models, searchParams.get("before_id"), "before_id");
  const end = before ?? models.length;
  // Before an id the last ones are meant, otherwise the first.
  const isBackwards = before !== undefined && after === undefined;
  const begin = isBackwards ? Math.max(end - limit, 0) : (after ?? -1) + 1;
  const page = models.slice(begin, Math.min(begin + limit, end));
  return {
    data: page.map(toAnthropicModel),
    has_more: isBackwards ? begin > 0 : begin + page.length < end,
    first_id: page.at(0)?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  };
}

function readLimit(text: string | null): number {
  if (text === null) return LIMIT_USUAL;
  const limit = /^\d{1,4}$/.test(text) ? Number.parseInt(text, 10) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new Failure("invalid", `'limit' must be a whole number from 1 to ${LIMIT_MAX}.`, {
    param: "limit",
    code: "invalid_field",
  });
}

function positionOf(
  models: readonly ListedModel[],
  id: string | null,
  param: string,
): number | undefined {
  if (id === null) return undefined;
  const at = models.findIndex(({ name }) => name === id);
  if (at !== -1) return at;
  throw new Failure("invalid", `'${param}' is no model that is listed here.`, {
    param,
    code: "invalid_field",
  });
}
