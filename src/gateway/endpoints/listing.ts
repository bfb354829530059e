/** What lists and single things of OpenAI's API have in common. */
import { Failure } from "../../lib/errors.ts";
import type { Call } from "../gateway.ts";

const ID_SEGMENT = 3;

/** The id in `/v1/<things>/<id>…`, as it came. */
export function idFrom({ request }: Call): string {
  return new URL(request.url).pathname.split("/")[ID_SEGMENT] ?? "";
}

export function readLimit(
  query: URLSearchParams,
  { usual, most }: { usual: number; most: number },
): number {
  const text = query.get("limit");
  if (text === null) return usual;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new Failure("invalid", `'limit' must be a whole number from 1 to ${most}.`, {
    code: "invalid_field",
    param: "limit",
  });
}
