/**
 * Ids. A request id is a UUID of version 7 (RFC 9562): its time comes first, so that rows written together
 * lie together. An event id is derived from the request id and the attempt, never drawn anew, so that a
 * replayed journal record is recognised as the same event.
 */
import { assert } from "./errors.ts";

/** Attempts of one request are numbered 0 to 15: four bits of the event id. */
export const ATTEMPTS_MAX = 16;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function newRequestId(): string {
  // The last digit is kept for the attempt.
  return `${Bun.randomUUIDv7().slice(0, -1)}0`;
}

export const isUuid = (text: string): boolean => UUID.test(text);

/** The id of one attempt's usage event and ledger transfer. */
export function eventIdOf(requestId: string, attempt: number): string {
  assert(attempt >= 0 && attempt < ATTEMPTS_MAX, `attempt ${attempt} is out of range`);
  return requestId.slice(0, -1) + attempt.toString(16);
}
