/**
 * Conversations on PostgreSQL. Every question names its tenant. Locks: the project where a conversation is created,
 * the conversation where its items change.
 */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import type { Database } from "../../platform/db/database.ts";
import {
  CONVERSATION_BYTES_MAX,
  CONVERSATION_ITEMS_MAX,
  CONVERSATIONS_MAX,
  type Conversation,
  type ItemPage,
  type ItemPageRequest,
  type Metadata,
  newConversationId,
} from "./conversation.ts";
import { canBeId, type Item, type Tenant } from "./response.ts";

type ConversationRow = {
  organization_id: bigint;
  project_id: bigint;
  conversation_id: string;
  metadata: string;
  created_at: Date;
};

const columns = "organization_id, project_id, conversation_id, metadata, created_at";

const toConversation = (row: ConversationRow): Conversation => ({
  organizationId: row.organization_id,
  projectId: row.project_id,
  conversationId: row.conversation_id,
  metadata: JSON.parse(row.metadata) as Metadata,
  createdAt: row.created_at,
});

export async function createConversation(
  database: Database,
  tenant: Tenant,
  { metadata, items }: { metadata: Metadata; items: readonly Item[] },
): Promise<Conversation> {
  return await database.transact(async (client) => {
    await assertRoom(client, tenant);
    const { rows } = await client.query<ConversationRow>(
      `insert into conversation (organization_id, project_id, conversation_id, metadata)
       values ($1, $2, $3, $4) returning ${columns}`,
      [tenant.organizationId, tenant.projectId, newConversationId(), JSON.stringify(metadata)],
    );
    assert(rows[0] !== undefined, "insert into conversation returned no row");
    const conversation = toConversation(rows[0]);
    await insertItems(client, conversation, items);
    return conversation;
  });
}

async function assertRoom(client: PoolClient, { projectId }: Tenant): Promise<void> {
  await client.query("select from project where project_id = $1 for no key update", [projectId]);
  const { rows } = await client.query<{ held: number }>(
    `select count(*)::int as held from (
       select from conversation where project_id = $1 limit $2) held`,
    [projectId, CONVERSATIONS_MAX],
  );
  if ((rows[0]?.held ?? 0) < CONVERSATIONS_MAX) return;
  throw new Failure(
    "conflict",
    `A project keeps at most ${CONVERSATIONS_MAX} conversations. Delete some that are no longer needed.`,
    { code: "too_many_conversations" },
  );
}

export async function findConversation(
  database: Database,
  tenant: Tenant,
  conversationId: string,
): Promise<Conversation | undefined> {
  if (!canBeId(conversationId)) return undefined;
  const { rows } = await database.pool.query<ConversationRow>(
    `select ${columns} from conversation
     where project_id = $1 and organization_id = $2 and conversation_id = $3`,
    [tenant.projectId, tenant.organizationId, conversationId],
  );
  return rows[0] === undefined ? undefined : toConversation(rows[0]);
}

export async function updateConversation(
  database: Database,
  tenant: Tenant,
  { conversationId, metadata }: { conversationId: string; metadata: Metadata },
): Promise<Conversation | undefined> {
  const { rows } = await database.pool.query<ConversationRow>(
    `update conversation set metadata = $4
     where project_id = $1 and organization_id = $2 and conversation_id = $3 returning ${columns}`,
    [tenant.projectId, tenant.organizationId, conversationId, JSON.stringify(metadata)],
  );
  return rows[0] === undefined ? undefined : toConversation(rows[0]);
}

/** With its items. Responses of it stay until they expire. */
export async function deleteConversation(
  database: Database,
  tenant: Tenant,
  conversationId: string,
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `delete from conversation
     where project_id = $1 and organization_id = $2 and conversation_id = $3`,
    [tenant.projectId, tenant.organizationId, conversationId],
  );
  return rowCount === 1;
}

/** All of them or none. Undefined when there is no such conversation. */
export async function addItems(
  database: Database,
  tenant: Tenant,
  { conversationId, items }: { conversationId: string; items: readonly Item[] },
): Promise<Item[] | undefined> {
  if (!canBeId(conversationId)) return undefined;
  return await database.transact(async (client) => {
    const { rows } = await client.query<ConversationRow>(
      `select ${columns} from conversation
       where project_id = $1 and organization_id = $2 and conversation_id = $3 for no key update`,
      [tenant.projectId, tenant.organizationId, conversationId],
    );
    if (rows[0] === undefined) return undefined;
    await insertItems(client, toConversation(rows[0]), items);
    return [...items];
  });
}

/** An item that is there already, by its id, stays where it is: what was said is said once. */
async function insertItems(
  client: PoolClient,
  { projectId, conversationId }: Conversation,
  items: readonly Item[],
): Promise<void> {
  if (items.length === 0) return;
  const texts = items.map((item) => JSON.stringify(item));
  await client.query(
    `insert into conversation_item (project_id, conversation_id, item_id, item, bytes)
     select $1, $2, item_id, item, octet_length(item)
     from unnest($3::text[], $4::text[]) with ordinality as i (item_id, item, at) order by at
     on conflict on constraint conversation_item_is_unique do nothing`,
    [projectId, conversationId, items.map(({ id }) => id), texts],
  );
  const { rows } = await client.query<{ items: number; bytes: bigint }>(
    `select count(*)::int as items, coalesce(sum(bytes), 0)::bigint as bytes from conversation_item
     where project_id = $1 and conversation_id = $2`,
    [projectId, conversationId],
  );
  const held = rows[0] ?? { items: 0, bytes: 0n };
  if (held.items <= CONVERSATION_ITEMS_MAX && held.bytes <= CONVERSATION_BYTES_MAX) return;
  throw new Failure(
    "too_large",
    `The conversation '${conversationId}' is full: at most ${CONVERSATION_ITEMS_MAX} items and ${CONVERSATION_BYTES_MAX} bytes. Begin a new one with a summary of it.`,
    { code: "conversation_full" },
  );
}

/** All of them, in their order; undefined when there is no such conversation. */
export async function readAllItems(
  database: Database,
  tenant: Tenant,
  conversationId: string,
): Promise<Item[] | undefined> {
  if ((await findConversation(database, tenant, conversationId)) === undefined) return undefined;
  const { rows } = await database.pool.query<{ item: string }>(
    `select item from conversation_item
     where project_id = $1 and conversation_id = $2 order by position limit $3`,
    [tenant.projectId, conversationId, CONVERSATION_ITEMS_MAX],
  );
  return rows.map(toItem);
}

/** Of a conversation that is known to be the tenant's. */
export async function listItems(
  database: Database,
  { projectId, conversationId }: Conversation,
  { limit, order, after }: ItemPageRequest,
): Promise<ItemPage> {
  const [beyond, direction] = order === "asc" ? [">", "asc"] : ["<", "desc"];
  const { rows } = await database.pool.query<{ item: string }>(
    `select item from conversation_item
     where project_id = $1 and conversation_id = $2 and ($3::text is null or position ${beyond} (
       select position from conversation_item
       where project_id = $1 and conversation_id = $2 and item_id = $3))
     order by position ${direction} limit $4`,
    [projectId, conversationId, after ?? null, limit + 1],
  );
  return { items: rows.slice(0, limit).map(toItem), hasMore: rows.length > limit };
}

/** Of a conversation that is known to be the tenant's. */
export async function findItem(
  database: Database,
  { projectId, conversationId }: Conversation,
  itemId: string,
): Promise<Item | undefined> {
  const { rows } = await database.pool.query<{ item: string }>(
    `select item from conversation_item
     where project_id = $1 and conversation_id = $2 and item_id = $3`,
    [projectId, conversationId, itemId],
  );
  return rows[0] === undefined ? undefined : toItem(rows[0]);
}

/** Of a conversation that is known to be the tenant's. */
export async function deleteItem(
  database: Database,
  { projectId, conversationId }: Conversation,
  itemId: string,
): Promise<void> {
  await database.pool.query(
    `delete from conversation_item
     where project_id = $1 and conversation_id = $2 and item_id = $3`,
    [projectId, conversationId, itemId],
  );
}

const toItem = ({ item }: { item: string }): Item => JSON.parse(item) as Item;
