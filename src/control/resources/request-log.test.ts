import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { secrets, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { readPrincipals } from "../../domains/identity/index.ts";
import { deleteOutdated, insertCalls } from "../../domains/request-log/index.ts";
import { seal } from "../../platform/crypto.ts";

let control: TestControl;
let keyId: string;
let organizationId: bigint;

beforeAll(async () => {
  control = await startTestControl();
  const { body } = await control.post("/keys", { organization: "Acme", project: "p", name: "n" });
  keyId = String(body["id"]);
  organizationId = (await principal())?.organizationId ?? 0n;
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

const principal = async () => (await readPrincipals(control.database)).get(keyId);
const set = (body: object) => control.post("/organizations/Acme/request-log", body);
const zero = (on: boolean) => control.post("/organizations/Acme/zero-retention", { on });
const list = async () =>
  (await control.get("/organizations/Acme/request-log")).body["data"] as unknown[];

const said = { request: { a: 1 }, response: "b", isRequestCut: false, isResponseCut: true };
const insert = (requestId: string, content = JSON.stringify({ ...said, isRedacted: true })) =>
  insertCalls(control.database, [
    {
      ...{ requestId, organizationId, at: new Date(), metadata: { status: 200 } },
      content: seal(secrets.seal_key, content),
    },
  ]);

describe("the request log", () => {
  test("is off until it is turned on; what is left out stays, and redaction is on again", async () => {
    expect(await principal()).toMatchObject({ requestLog: null, zeroRetention: false });
    const first = await set({ mode: "full", sample: 0.25, days: 7, redaction: false });
    expect(await principal()).toMatchObject({
      requestLog: { mode: "full", sample: 0.25, isRedacted: false },
    });
    const second = await set({ mode: "metadata" });

    expect(first.body).toMatchObject({ mode: "full", days: 7, redaction: false });
    expect(second.body).toEqual({
      ...{ organization: "Acme", mode: "metadata", sample: 0.25, days: 7 },
      ...{ redaction: true, zero_retention: false },
    });
  });

  test("gives what was said to who asks for it by id, and keeps it from lists", async () => {
    await set({ mode: "full" });
    const requestId = crypto.randomUUID();
    await insert(requestId);
    await insert(requestId);
    const shown = await control.get(`/request-log/${requestId}`);

    expect(await list()).toMatchObject([{ request_id: requestId, has_content: true }]);
    expect(JSON.stringify(await list())).not.toContain("request_cut");
    expect(shown.body).toMatchObject({
      organization: "Acme",
      content: { request: { a: 1 }, response: "b", response_cut: true, redacted: true },
    });
    expect((await control.get(`/request-log/${crypto.randomUUID()}`)).status).toBe(404);
    expect((await control.get("/request-log/nothing")).status).toBe(400);
    expect((await control.post("/organizations/Acme/request-log/purge")).body).toEqual({
      deleted: 1,
    });
    expect(await list()).toEqual([]);
  });

  test("takes nothing that the organization has forbidden since the call was made", async () => {
    await set({ mode: "metadata" });
    const requestId = crypto.randomUUID();
    await insert(requestId);
    expect(await list()).toMatchObject([{ request_id: requestId, has_content: false }]);
    await set({ mode: "off" });
    await insert(crypto.randomUUID());
    expect(await list()).toHaveLength(1);
  });

  test("is emptied where nothing may be kept, whatever else is set", async () => {
    await set({ mode: "full", sample: 1 });
    await insert(crypto.randomUUID());
    const { body } = await zero(true);
    await insert(crypto.randomUUID());

    expect(body).toMatchObject({ mode: "full", zero_retention: true });
    expect(await principal()).toMatchObject({ requestLog: null, zeroRetention: true });
    expect(await deleteOutdated(control.database, new Date())).toBe(2);
    expect(await list()).toEqual([]);
    await zero(false);
    expect(await principal()).toMatchObject({ requestLog: { mode: "full" }, zeroRetention: false });
  });

  test("refuses what makes no sense", async () => {
    const refused = [
      {},
      { mode: "all" },
      { mode: "full", sample: 1.5 },
      { mode: "full", sample: -1 },
      { mode: "full", days: 0 },
      { mode: "full", days: 366 },
    ];
    for (const body of refused) expect([body, (await set(body)).status]).toEqual([body, 400]);
    expect((await control.post("/organizations/Nobody/request-log", { mode: "off" })).status).toBe(
      404,
    );
    expect((await control.get("/organizations/Acme/request-log?after=x")).status).toBe(400);
  });
});
