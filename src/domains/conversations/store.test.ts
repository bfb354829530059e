import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { createKey } from "../identity/index.ts";
import { claimJobs } from "../jobs/index.ts";
import {
  beginResponse,
  cancelResponse,
  deleteExpired,
  deleteResponse,
  endResponse,
  findResponse,
  findStatus,
  insertResponse,
  type NewResponse,
  queueResponse,
  readConversationUpTo,
  readItems,
  type Tenant,
  toItems,
} from "./index.ts";

let postgres: TestDatabase;
let mine: Tenant & { keyId: string };
let other: Tenant & { keyId: string };
let neighbour: Tenant & { keyId: string };

beforeAll(async () => {
  postgres = await openTestDatabase();
  mine = await tenant("ours", "p1");
  neighbour = await tenant("ours", "p2");
  other = await tenant("theirs", "p1");
});
afterAll(() => postgres[Symbol.asyncDispose]());

const db = () => postgres.database;

async function tenant(organization: string, project: string) {
  const { key } = await createKey(db(), {
    ...{ organization, project, name: "k", mode: "live" as const, actor: "test" },
    pepper: "ab".repeat(32),
  });
  const { keyId } = key;
  const { rows } = await db().pool.query<{ organization_id: bigint; project_id: bigint }>(
    "select organization_id, project_id from api_key join project using (project_id) where key_id = $1",
    [keyId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error("the key was not created");
  return { organizationId: row.organization_id, projectId: row.project_id, keyId };
}

let number = 0;
const newId = () => `resp_${String(number++).padStart(4, "0")}`;

function response(over: Partial<NewResponse> & { says?: string } = {}): NewResponse {
  const { says = "Hello.", ...rest } = over;
  const responseId = rest.responseId ?? newId();
  return {
    ...mine,
    responseId,
    status: "completed",
    previousResponseId: null,
    conversationId: null,
    input: toItems("Hi", responseId),
    response: {
      id: responseId,
      object: "response",
      status: "completed",
      output: [{ id: `msg_${responseId}`, type: "message", role: "assistant", content: says }],
    },
    retentionDays: 30,
    ...rest,
  };
}

const keep = async (over: Parameters<typeof response>[0] = {}): Promise<NewResponse> => {
  const made = response(over);
  expect(await insertResponse(db().pool, made)).toBe(true);
  return made;
};

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`did not fail as expected: ${String(error)}`);
}

const upTo = (responseId: string, options: { bytesMax?: number; tenant?: Tenant } = {}) =>
  readConversationUpTo(db(), options.tenant ?? mine, {
    responseId,
    bytesMax: options.bytesMax ?? 1e6,
  });

describe("a stored response", () => {
  test("comes back as it was, whatever a model writes", async () => {
    const kept = await keep({ says: 'NUL \u0000, half a fox \ud83e, "quotes"' });
    const found = await findResponse(db(), mine, kept.responseId);
    expect(found?.response).toEqual(kept.response);
    expect(found).toMatchObject({ status: "completed", input: kept.input, jobId: null });
  });

  test("is nobody else's, not even another project's", async () => {
    const { responseId } = await keep();
    for (const stranger of [other, neighbour, { ...mine, organizationId: other.organizationId }]) {
      expect(await findResponse(db(), stranger, responseId)).toBeUndefined();
      expect(await deleteResponse(db(), stranger, responseId)).toBe(false);
      expect(await cancelResponse(db(), stranger, responseId)).toBeUndefined();
      expect((await failureOf(upTo(responseId, { tenant: stranger }))).code).toBe(
        "previous_response_not_found",
      );
      expect(await readItems(db(), stranger, [`msg_${responseId}`])).toEqual(new Map());
    }
  });

  test("keeps its id for good; another project may use the same", async () => {
    const kept = await keep();
    const again = response({ responseId: kept.responseId, says: "Something else." });
    expect(await insertResponse(db().pool, again)).toBe(false);
    expect((await findResponse(db(), mine, kept.responseId))?.response).toEqual(kept.response);
    expect(await insertResponse(db().pool, { ...again, ...neighbour })).toBe(true);
  });

  test("is gone when it is deleted or has expired", async () => {
    const [deleted, expired] = [await keep(), await keep({ retentionDays: 0 })];
    expect(await deleteResponse(db(), mine, deleted.responseId)).toBe(true);
    expect(await findResponse(db(), mine, deleted.responseId)).toBeUndefined();
    expect(await findResponse(db(), mine, expired.responseId)).toBeUndefined();
    expect(await deleteExpired(db())).toBe(1);
    expect(await deleteExpired(db())).toBe(0);
    const { rows } = await db().pool.query("select from stored_item where response_id = $1", [
      expired.responseId,
    ]);
    expect(rows).toEqual([]);
  });
});

describe("a conversation from one response to the next", () => {
  test("is everything that was said, in its order, without ids of the input", async () => {
    const first = await keep({ says: "One." });
    const second = await keep({
      previousResponseId: first.responseId,
      says: "Two.",
      input: toItems([{ type: "function_call_output", call_id: "c1", output: "42" }], "x"),
    });
    const said = await upTo(second.responseId);
    expect(said).toEqual([
      {
        type: "message",
        role: "user",
        status: "completed",
        content: [{ type: "input_text", text: "Hi" }],
      },
      { id: `msg_${first.responseId}`, type: "message", role: "assistant", content: "One." },
      { type: "function_call_output", call_id: "c1", output: "42" },
      { id: `msg_${second.responseId}`, type: "message", role: "assistant", content: "Two." },
    ]);
  });

  test("may fork", async () => {
    const root = await keep({ says: "Root." });
    const left = await keep({ previousResponseId: root.responseId, says: "Left." });
    await keep({ previousResponseId: root.responseId, says: "Right." });
    expect(JSON.stringify(await upTo(left.responseId))).not.toContain("Right.");
  });

  const refusals: readonly [code: string, over: Partial<NewResponse>][] = [
    ["previous_response_not_completed", { status: "failed" }],
    ["previous_response_not_completed", { status: "queued" }],
    ["previous_response_in_conversation", { conversationId: "conv_1" }],
    ["previous_response_gone", { previousResponseId: "resp_gone" }],
  ];
  for (const [code, over] of refusals) {
    test(`${code}: ${JSON.stringify(over)}`, async () => {
      const { responseId } = await keep(over);
      const failure = await failureOf(upTo(responseId));
      expect(failure).toMatchObject({ kind: "invalid", code, param: "previous_response_id" });
    });
  }

  test("is refused when it is too long, and not read to its beginning for that", async () => {
    let last = await keep({ says: "x".repeat(1_000) });
    for (let i = 0; i < 5; i++) {
      last = await keep({ says: "x".repeat(1_000), previousResponseId: last.responseId });
    }
    expect((await failureOf(upTo(last.responseId, { bytesMax: 3_000 }))).code).toBe(
      "conversation_too_long",
    );
    expect(await upTo(last.responseId, { bytesMax: 10_000 })).toHaveLength(12);
  });

  test("of hundreds of turns is one quick question", async () => {
    let last = await keep();
    for (let i = 0; i < 300; i++) last = await keep({ previousResponseId: last.responseId });
    const began = performance.now();
    expect(await upTo(last.responseId)).toHaveLength(602);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

test("items are found by their ids, the newest where two have the same", async () => {
  const [one, two] = [await keep({ says: "1" }), await keep({ says: "2" })];
  const sameId = { id: "msg_same", type: "message", role: "assistant" };
  for (const content of ["old", "new"]) {
    const responseId = newId();
    await keep({ responseId, response: { id: responseId, output: [{ ...sameId, content }] } });
  }
  const inputId = one.input[0]?.id ?? "";
  const found = await readItems(db(), mine, [
    `msg_${two.responseId}`,
    inputId,
    "msg_same",
    "msg_none",
  ]);
  expect([...found.keys()].sort()).toEqual(["msg_same", `msg_${two.responseId}`, inputId].sort());
  expect(found.get("msg_same")).toMatchObject({ content: "new" });
});

describe("a response in the background", () => {
  const queue = async () => {
    const jobId = Bun.randomUUIDv7();
    const made = response({ status: "queued" });
    const queued = { ...made, response: { ...made.response, status: "queued", output: [] } };
    await queueResponse(db(), { ...queued, jobId, request: { model: "m", input: "\u0000" } });
    return { jobId, responseId: made.responseId, answer: made.response };
  };
  const completed = (answer: JsonObject) => ({ status: "completed" as const, response: answer });
  const statusOf = async (responseId: string) =>
    (await findResponse(db(), mine, responseId))?.status;

  test("is queued with its job, begun and ended", async () => {
    const { jobId, responseId, answer } = await queue();
    expect(await statusOf(responseId)).toBe("queued");
    const begun = await beginResponse(db(), jobId);
    expect(begun).toMatchObject({
      status: "in_progress",
      request: '{"model":"m","input":"\\u0000"}',
    });
    expect((await endResponse(db(), jobId, completed(answer)))?.status).toBe("completed");
    expect(await findResponse(db(), mine, responseId)).toMatchObject({
      response: answer,
      request: null,
    });
    expect(await findStatus(db(), mine, responseId)).toBe("completed");
    expect((await readItems(db(), mine, [`msg_${responseId}`])).size).toBe(1);
    expect((await upTo(responseId)).length).toBe(2);
  });

  test("ends once: what comes later changes nothing", async () => {
    const { jobId, responseId, answer } = await queue();
    await endResponse(db(), jobId, completed(answer));
    const failed = { status: "failed" as const, response: { ...answer, output: [] } };
    expect(await endResponse(db(), jobId, failed)).toBeUndefined();
    expect(await statusOf(responseId)).toBe("completed");
  });

  test("that is cancelled stays cancelled, and has what was answered all the same", async () => {
    const { jobId, responseId, answer } = await queue();
    expect((await cancelResponse(db(), mine, responseId))?.status).toBe("cancelled");
    expect((await cancelResponse(db(), mine, responseId))?.status).toBe("cancelled");
    expect((await beginResponse(db(), jobId))?.status).toBe("cancelled");
    await endResponse(db(), jobId, completed(answer));
    const found = await findResponse(db(), mine, responseId);
    expect(found?.response).toEqual({ ...answer, status: "cancelled" });
    const [job] = await claimJobs(db(), {
      ...{ workerId: Bun.randomUUIDv7(), kind: "response", fileStoreId: Bun.randomUUIDv7() },
      ...{ limit: 100, perOrganizationMax: 100, silentMs: 60_000, notJobIds: [] },
    }).then((jobs) => jobs.filter((claimed) => claimed.jobId === jobId));
    expect(job?.isCancelAsked).toBe(true);
  });

  test("that has ended is not cancelled any more", async () => {
    const { jobId, responseId, answer } = await queue();
    await endResponse(db(), jobId, completed(answer));
    expect((await cancelResponse(db(), mine, responseId))?.status).toBe("completed");
  });

  test("that is deleted is given up", async () => {
    const { jobId, responseId } = await queue();
    expect(await deleteResponse(db(), mine, responseId)).toBe(true);
    expect(await beginResponse(db(), jobId)).toBeUndefined();
    const { rows } = await db().pool.query("select cancel_asked_at from job where job_id = $1", [
      jobId,
    ]);
    expect(rows[0]?.cancel_asked_at).toBeInstanceOf(Date);
  });

  test("is not what was answered at once: there is nothing to cancel", async () => {
    const { responseId } = await keep();
    const failure = await failureOf(cancelResponse(db(), mine, responseId));
    expect(failure).toMatchObject({ kind: "invalid", code: "response_not_in_background" });
  });
});
