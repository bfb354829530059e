import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { Failure } from "../../lib/errors.ts";
import { createKey } from "../identity/index.ts";
import {
  addItems,
  type Conversation,
  createConversation,
  deleteConversation,
  deleteItem,
  findConversation,
  findItem,
  type Item,
  listItems,
  readAllItems,
  type Tenant,
  updateConversation,
} from "./index.ts";

let postgres: TestDatabase;
let mine: Tenant;
let other: Tenant;

beforeAll(async () => {
  postgres = await openTestDatabase();
  const tenants: Tenant[] = [];
  for (const organization of ["ours", "theirs"]) {
    await createKey(postgres.database, {
      ...{ organization, project: "app", name: "k", mode: "live" as const, actor: "test" },
      pepper: "ab".repeat(32),
    });
    const { rows } = await postgres.database.pool.query<{
      organization_id: bigint;
      project_id: bigint;
    }>(
      "select organization_id, project_id from project join organization using (organization_id) where organization.name = $1",
      [organization],
    );
    const [row] = rows;
    if (row === undefined) throw new Error("the project was not created");
    tenants.push({ organizationId: row.organization_id, projectId: row.project_id });
  }
  const [first, second] = tenants;
  if (first === undefined || second === undefined) throw new Error("two tenants are needed");
  mine = first;
  other = second;
});
afterAll(() => postgres[Symbol.asyncDispose]());

const db = () => postgres.database;
const items = (...ids: string[]): Item[] =>
  ids.map((id) => ({ id, type: "message", role: "user", content: `said ${id}` }));
const create = (...ids: string[]): Promise<Conversation> =>
  createConversation(db(), mine, { metadata: { topic: "tea" }, items: items(...ids) });
const idsOf = async (conversation: Conversation): Promise<string[] | undefined> =>
  (await readAllItems(db(), mine, conversation.conversationId))?.map(({ id }) => id);

test("a conversation is created with its first items, changed and deleted", async () => {
  const made = await create("a", "b");
  const { conversationId } = made;
  expect(conversationId).toMatch(/^conv_[0-9a-f]{32}$/);
  expect(await findConversation(db(), mine, conversationId)).toEqual(made);
  const changed = await updateConversation(db(), mine, {
    ...{ conversationId, metadata: { topic: "coffee" } },
  });
  expect(changed?.metadata).toEqual({ topic: "coffee" });
  expect(await idsOf(made)).toEqual(["a", "b"]);
  expect(await deleteConversation(db(), mine, conversationId)).toBe(true);
  expect(await findConversation(db(), mine, conversationId)).toBeUndefined();
  expect(await idsOf(made)).toBeUndefined();
});

test("nobody else sees it, or can change it", async () => {
  const { conversationId } = await create("a");
  const metadata = {};
  expect(await findConversation(db(), other, conversationId)).toBeUndefined();
  expect(await updateConversation(db(), other, { conversationId, metadata })).toBeUndefined();
  expect(await readAllItems(db(), other, conversationId)).toBeUndefined();
  expect(await addItems(db(), other, { conversationId, items: items("x") })).toBeUndefined();
  expect(await deleteConversation(db(), other, conversationId)).toBe(false);
});

test("items are added in their order, and said once", async () => {
  const made = await create("a");
  const { conversationId } = made;
  await addItems(db(), mine, { conversationId, items: items("b", "c") });
  await addItems(db(), mine, { conversationId, items: items("c", "d") });
  expect(await idsOf(made)).toEqual(["a", "b", "c", "d"]);
});

test("items are listed a page at a time, forwards and backwards", async () => {
  const made = await create(...["a", "b", "c", "d", "e"]);
  const list = async (order: "asc" | "desc", after?: string) => {
    const page = await listItems(db(), made, { limit: 2, order, after });
    return [page.items.map(({ id }) => id).join(""), page.hasMore];
  };
  expect(await list("asc")).toEqual(["ab", true]);
  expect(await list("asc", "b")).toEqual(["cd", true]);
  expect(await list("asc", "d")).toEqual(["e", false]);
  expect(await list("desc")).toEqual(["ed", true]);
  expect(await list("desc", "b")).toEqual(["a", false]);
  expect(await list("asc", "none")).toEqual(["", false]);
});

test("one item is found and deleted", async () => {
  const made = await create("a", "b");
  expect((await findItem(db(), made, "a"))?.id).toBe("a");
  await deleteItem(db(), made, "a");
  expect(await findItem(db(), made, "a")).toBeUndefined();
  expect(await idsOf(made)).toEqual(["b"]);
});

test("what does not fit any more is refused as a whole", async () => {
  const made = await create("a");
  const { conversationId } = made;
  const large = items("b").map((item) => ({ ...item, content: "x".repeat(16 * 1024 * 1024) }));
  const adding = addItems(db(), mine, { conversationId, items: [...items("c"), ...large] });
  const error = await adding.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Failure);
  expect(error).toMatchObject({ kind: "too_large", code: "conversation_full" });
  expect(await idsOf(made)).toEqual(["a"]);
});
