import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { findResponse, PREVIOUS_NOT_FOUND } from "../../domains/conversations/index.ts";
import { createKey, type Principal } from "../../domains/identity/index.ts";
import { systemClock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import { createLog, type LogFields } from "../../platform/log.ts";
import { type KeptAnswer, StoredResponses } from "./stored-responses.ts";

let postgres: TestDatabase;
let responses: StoredResponses;
let answer: Omit<KeptAnswer, "responseId">;
const logged: LogFields[] = [];

beforeAll(async () => {
  postgres = await openTestDatabase();
  const { database } = postgres;
  const { key } = await createKey(database, {
    ...{ organization: "ours", project: "app", name: "k", mode: "live" as const, actor: "test" },
    pepper: "ab".repeat(32),
  });
  const { rows } = await database.pool.query<{ organization_id: bigint; project_id: bigint }>(
    "select organization_id, project_id from project",
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the project was not created");
  answer = {
    organizationId: row.organization_id,
    projectId: row.project_id,
    keyId: key.keyId,
    status: "completed",
    previousResponseId: null,
    conversationId: null,
    input: [],
    response: { output: [] },
    retentionDays: 1,
    items: [],
  };
  responses = open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

function open(): StoredResponses {
  const log = createLog({
    role: "test",
    level: "debug",
    sink: (line) => logged.push(JSON.parse(line) as LogFields),
  });
  const isForbidden = ({ organization }: Principal) => organization === "secretive";
  return new StoredResponses({ database: postgres.database, clock: systemClock, log, isForbidden });
}

const find = (responseId: string) => findResponse(postgres.database, answer, responseId);

describe("what is to be stored", () => {
  test("is there in a moment, and all of it before the process stops", async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `resp_${i}`);
    for (const responseId of ids) void responses.keep({ ...answer, responseId }, 100);
    expect(await responses.patiently(() => find("resp_19"))).toMatchObject({ status: "completed" });
    for (const responseId of ids) {
      expect(await responses.patiently(() => find(responseId))).toBeDefined();
    }
  });

  test("is not stored where too much waits already, which is told and fails nobody", async () => {
    logged.length = 0;
    void responses.keep({ ...answer, responseId: "resp_large" }, 1024 * 1024 * 1024);
    expect(logged.map(({ level }) => level)).toEqual(["error"]);
    expect(await find("resp_large")).toBeUndefined();
  });

  test("and is refused by the database, is told", async () => {
    logged.length = 0;
    void responses.keep({ ...answer, responseId: "x".repeat(200) }, 100);
    while (logged.length === 0) await Bun.sleep(5);
    expect(logged[0]).toMatchObject({ level: "error", message: "a response could not be stored" });
  });

  test("is not stored any more where an organization has stored too much", async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `resp_full_${i}`);
    for (const responseId of ids) void responses.keep({ ...answer, responseId }, 100);
    expect(await responses.patiently(() => find("resp_full_29"))).toBeDefined();
    // 50 GiB in all.
    await postgres.database.pool.query("update stored_response set bytes = 2147483647");
    const full = open();
    logged.length = 0;
    void full.keep({ ...answer, responseId: "resp_more" }, 100);
    while (logged.length === 0) await Bun.sleep(5);
    expect(String(logged[0]?.["message"])).toContain("stored too much");
    expect(await find("resp_more")).toBeUndefined();
    const asking = full.assertRoom(answer.organizationId);
    expect(await asking.catch((error: unknown) => error)).toMatchObject({ code: "storage_full" });
  });

  test("is nothing where an organization forbids it", () => {
    expect(responses.mayStore({ organization: "secretive" } as Principal)).toBe(false);
    expect(responses.mayStore({ organization: "ours" } as Principal)).toBe(true);
  });
});

describe("a question for what is not there", () => {
  const missing = new Failure("invalid", "not there", { code: PREVIOUS_NOT_FOUND });

  test("is put again until it is", async () => {
    let asked = 0;
    const found = await responses.untilThere(async () => {
      asked += 1;
      if (asked < 3) throw missing;
      return "found";
    });
    expect([found, asked]).toEqual(["found", 3]);
  });

  test("is given up after a moment", async () => {
    const asking = responses.untilThere(() => Promise.reject(missing));
    expect(asking).rejects.toBe(missing);
    await asking.catch(() => undefined);
  });

  test("that fails in another way fails at once", async () => {
    let asked = 0;
    const broken = new Failure("invalid", "too long");
    const asking = responses.untilThere(() => {
      asked += 1;
      return Promise.reject(broken);
    });
    expect(await asking.catch((error: unknown) => error)).toBe(broken);
    expect(asked).toBe(1);
  });
});
