/** Lists are read a page at a time, in an order that new rows do not disturb. */
import { Failure } from "../../lib/errors.ts";

export type PageRequest = {
  limit: number;
  /** The last row of the page before; undefined for the first page. */
  after?: string | undefined;
};

export type Page<Row> = { rows: Row[]; nextAfter: string | null };

/** Makes a page of up to `limit + 1` rows: the one too many says that there is a next page. */
export function toPage<Row>(
  rows: readonly Row[],
  request: PageRequest,
  cursorOf: (row: Row) => string,
): Page<Row> {
  const shown = rows.slice(0, request.limit);
  const last = shown.at(-1);
  const hasMore = rows.length > request.limit && last !== undefined;
  return { rows: shown, nextAfter: hasMore ? cursorOf(last) : null };
}

/** The cursor of a list that is ordered by a numeric id; 0 for the first page. */
export function idAfter(request: PageRequest): bigint {
  if (request.after === undefined) return 0n;
  if (!/^\d{1,18}$/.test(request.after)) {
    throw new Failure("invalid", "'after' must be the 'next_after' of the page before.", {
      param: "after",
    });
  }
  return BigInt(request.after);
}
