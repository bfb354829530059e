import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

const rowsOf = (body: Record<string, unknown>) => body["data"] as Record<string, unknown>[];
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

describe("organizations and projects", () => {
  test("cannot be created twice, even at the same moment", async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => control.post("/organizations", { name: "Only One" })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    const project = { organization: "Only One", name: "p", budget_usd: "3" };
    expect((await control.post("/projects", project)).body).toMatchObject({ budget_usd: "3.00" });
    expect((await control.post("/projects", project)).status).toBe(409);
  });

  test("that are misspelt are answered with the nearest names", async () => {
    await control.post("/organizations", { name: "Initech GmbH" });

    for (const path of [
      "/projects?organization=Initech%20Gmbh",
      "/keys?organization=Initech%20Gmbh",
      "/wallets?organization=Initech%20Gmbh",
      "/usage?organization=Initech%20Gmbh",
    ]) {
      const answered = await control.get(path);

      expect(answered.status).toBe(404);
      expect(errorOf(answered)).toMatchObject({ param: "organization" });
      expect(errorOf(answered).message).toContain("Did you mean 'Initech GmbH'?");
    }
  });

  test("are listed page by page; a limit out of bounds is refused", async () => {
    for (let i = 0; i < 3; i++) await control.post("/organizations", { name: `Page ${i}` });

    const names: unknown[] = [];
    let next: unknown = "";
    while (next !== null) {
      const after: string = next === "" ? "" : `&after=${next}`;
      const { body } = await control.get(`/organizations?limit=2${after}`);
      names.push(...rowsOf(body).map((row) => row["name"]));
      next = body["next_after"];
    }

    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("Page 2");
    for (const query of ["limit=0", "limit=1001", "limit=x", "after=x", "page=2"]) {
      expect((await control.get(`/organizations?${query}`)).status).toBe(400);
    }
  });
});

describe("credit", () => {
  const add = (body: Record<string, unknown>) =>
    control.post("/credits", { organization: "Funded", ...body });
  const walletOf = async (organization: string) =>
    (await control.get(`/wallets?organization=${encodeURIComponent(organization)}`)).body;
  beforeAll(async () => {
    await control.post("/organizations", { name: "Funded" });
  });

  test("appears in the wallet to the last digit", async () => {
    const first = await add({ usd: "100", note: "contract 7", expires_at: inAnHour() });
    await add({ usd: "0.000000001" });

    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ organization: "Funded", usd: "100.00", note: "contract 7" });
    expect(await walletOf("Funded")).toEqual({
      organization: "Funded",
      balance_usd: "100.000000001",
      held_usd: "0.00",
      leased_usd: "0.00",
      spent_usd: "0.00",
      granted_usd: "100.000000001",
      expired_usd: "0.00",
      budgets: [],
    });
  });

  test("sent many times at the same moment with one idempotency key is added once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        control.post("/credits", {
          organization: "Only One",
          usd: "7",
          idempotency_key: "invoice-2031-07",
        }),
      ),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect((await walletOf("Only One"))["granted_usd"]).toBe("7.00");
  });

  test("with a used idempotency key and another amount is refused", async () => {
    const answered = await add({ usd: "8", idempotency_key: "invoice-2031-07" });

    expect(answered.status).toBe(409);
    expect(errorOf(answered)).toMatchObject({ param: "idempotency_key" });
  });

  for (const usd of ["0", "-1", "1,5", "NaN", "", " 1", "1.0000000001", "99999999999", 1, null]) {
    test(`of ${JSON.stringify(usd)} is refused`, async () => {
      const answered = await add({ usd });

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ param: "usd" });
    });
  }

  test("shows the budgets below the money", async () => {
    await control.post("/projects", { organization: "Funded", name: "capped", budget_usd: "9" });
    const key = await control.post("/keys", {
      organization: "Funded",
      project: "capped",
      name: "small",
      budget_usd: "2",
    });

    const { budgets } = await walletOf("Funded");

    expect(budgets).toMatchObject([
      { scope: "project", project: "capped", key_id: null, name: "capped", balance_usd: "9.00" },
      {
        scope: "key",
        project: "capped",
        key_id: key.body["id"],
        name: "small",
        granted_usd: "2.00",
      },
    ]);
  });

  test("is in the audit log with who added it", async () => {
    const { rows } = await control.database.pool.query(
      "select actor, detail from audit_event where action = 'credit.add' order by audit_event_id limit 1",
    );

    expect(rows).toEqual([
      { actor: "admin", detail: { credit_id: expect.any(String), usd: "100.00" } },
    ]);
  });
});
