/** What was said before, for requests that go on from a stored response or refer to stored items. */
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Database } from "../../platform/db/database.ts";
import { toReplayed } from "./items.ts";
import { canBeId, type Item, type ResponseStatus, type Tenant, TURNS_MAX } from "./response.ts";
import type { ResponseRow } from "./rows.ts";

/**
 * The whole conversation up to and with this response, in the order in which it was held: from one response to the one
 * before, in one statement.
 *
 * @throws Failure `invalid` when there is no such response, one of those before it is gone, or they are too many
 */
export async function readConversationUpTo(
  database: Database,
  tenant: Tenant,
  { responseId, bytesMax }: { responseId: string; bytesMax: number },
): Promise<JsonObject[]> {
  if (!canBeId(responseId)) throw notFound(responseId);
  const { rows } = await database.pool.query<TurnRow>(
    `with recursive turn as (
       select response_id, previous_response_id, bytes::bigint as bytes, 1 as number
       from stored_response
       where project_id = $1 and organization_id = $2 and response_id = $3 and expires_at > now()
       union all
       select r.response_id, r.previous_response_id, turn.bytes + r.bytes, turn.number + 1
       from stored_response r join turn on r.response_id = turn.previous_response_id
       where r.project_id = $1 and r.organization_id = $2 and r.expires_at > now()
         and turn.number < $4 and turn.bytes <= $5
     )
     select response_id, turn.previous_response_id, turn.bytes, number, status, conversation_id, input, output
     from turn join stored_response r using (response_id)
     where r.project_id = $1 order by number desc`,
    [tenant.projectId, tenant.organizationId, responseId, TURNS_MAX, bytesMax],
  );
  assertComplete(rows, responseId, bytesMax);
  return rows.flatMap(({ input, output }) =>
    toReplayed(JSON.parse(input) as Item[], JSON.parse(output) as JsonObject[]),
  );
}

type TurnRow = Pick<
  ResponseRow,
  "response_id" | "previous_response_id" | "status" | "conversation_id" | "input" | "output"
> & { bytes: bigint; number: number };

function assertComplete(rows: readonly TurnRow[], responseId: string, bytesMax: number): void {
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) throw notFound(responseId);
  if (!CAN_GO_ON.has(last.status)) {
    throw cannotGoOn(
      `The response '${responseId}' is ${last.status}: only one that is complete can be continued.`,
      "previous_response_not_completed",
    );
  }
  if (last.conversation_id !== null) {
    throw cannotGoOn(
      `The response '${responseId}' belongs to the conversation '${last.conversation_id}'. Go on with 'conversation' instead.`,
      "previous_response_in_conversation",
    );
  }
  if (first.bytes > bytesMax || first.number >= TURNS_MAX) {
    throw cannotGoOn(
      `The conversation that ends with '${responseId}' is too long to be continued. Begin a new one with a summary of it.`,
      "conversation_too_long",
    );
  }
  if (first.previous_response_id !== null) {
    throw cannotGoOn(
      `The conversation that ends with '${responseId}' cannot be continued: its response '${first.previous_response_id}' was deleted or has expired.`,
      "previous_response_gone",
    );
  }
}

const SHOWN_CHARS_MAX = 80;

/** Perhaps not yet: it is stored a moment after its answer has been sent. */
export const PREVIOUS_NOT_FOUND = "previous_response_not_found";

const notFound = (responseId: string): Failure =>
  cannotGoOn(
    `There is no stored response '${responseId.slice(0, SHOWN_CHARS_MAX)}'. It may have expired, or was created with 'store': false.`,
    PREVIOUS_NOT_FOUND,
  );

const cannotGoOn = (message: string, code: string): Failure =>
  new Failure("invalid", message, { code, param: "previous_response_id" });

const CAN_GO_ON: ReadonlySet<ResponseStatus> = new Set(["completed", "incomplete"]);

/** By their ids. What is not there is not in the answer. */
export async function readItems(
  database: Database,
  tenant: Tenant,
  itemIds: readonly string[],
): Promise<Map<string, Item>> {
  const { rows } = await database.pool.query<{ input: string; output: string }>(
    `select r.input, r.output from stored_response r
     where r.project_id = $1 and r.organization_id = $2 and r.expires_at > now() and r.response_id in (
       select response_id from stored_item where project_id = $1 and item_id = any ($3::text[]))
     order by r.created_at`,
    [tenant.projectId, tenant.organizationId, itemIds.filter(canBeId)],
  );
  const wanted = new Set(itemIds);
  const found = new Map<string, Item>();
  for (const row of rows) {
    for (const item of [...JSON.parse(row.input), ...JSON.parse(row.output)] as Item[]) {
      if (wanted.has(item.id)) found.set(item.id, item);
    }
  }
  return found;
}
