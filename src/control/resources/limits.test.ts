import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { readModelLimits, readPrincipals } from "../../domains/identity/index.ts";

let control: TestControl;
let keyId: string;

beforeAll(async () => {
  control = await startTestControl();
  const { body } = await control.post("/keys", { organization: "Acme", project: "p", name: "n" });
  keyId = String(body["id"]);
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

const set = (body: object) => control.post("/limits", body);
const limitsOfPrincipal = async () => (await readPrincipals(control.database)).get(keyId)?.limits;

describe("limits", () => {
  test("of an organization, a project and a key reach whoever admits calls", async () => {
    await set({ organization: "Acme", rpm: 600, concurrency: 50 });
    await set({ organization: "Acme", project: "p", tpm: 1_000 });
    const { status, body } = await set({ key: keyId, rpm: 5, priority: "high" });

    expect([status, body]).toMatchObject([200, { scope: "key", rpm: 5, priority: "high" }]);
    expect(await limitsOfPrincipal()).toMatchObject([
      { counter: keyId, rpm: 5, tpm: null, concurrency: null },
      { subject: "the project 'p'", tpm: 1_000 },
      { subject: "the organization 'Acme'", rpm: 600, tpm: null, concurrency: 50 },
    ]);
    expect((await control.get("/limits")).body["data"]).toMatchObject([
      { scope: "organization", name: "Acme" },
      { scope: "project", organization: "Acme", name: "p" },
      { scope: "key", name: keyId },
    ]);
  });

  test("stay where nothing is said, and go where nothing shall limit", async () => {
    await set({ organization: "Acme", rpm: 600, concurrency: 50 });
    expect((await set({ organization: "Acme", rpm: 7 })).body).toMatchObject({
      rpm: 7,
      concurrency: 50,
    });
    expect((await set({ organization: "Acme", rpm: null, concurrency: null })).body).toMatchObject({
      rpm: null,
      concurrency: null,
    });
    const { body } = await control.get("/limits?scope=organization");

    expect(body["data"]).toEqual([]);
  });

  test("of a model are those of the model, and go with it", async () => {
    await control.post("/providers", {
      ...{
        name: "one",
        dialect: "openai-chat",
        base_url: "http://127.0.0.1:9/v1",
        allow_private: true,
      },
    });
    const model = { name: "m", provider: "one", input_usd_per_mtok: "1", output_usd_per_mtok: "2" };
    await control.post("/models", model);
    await set({ model: "m", concurrency: 8 });

    expect([...(await readModelLimits(control.database)).values()]).toMatchObject([
      { subject: "the model 'm'", concurrency: 8, rpm: null },
    ]);
    await control.remove("/models/m");
    expect((await readModelLimits(control.database)).size).toBe(0);
  });

  test("are refused for what is not there, for nothing, and for two at once", async () => {
    const refused: [object, number][] = [
      [{ organization: "Nobody", rpm: 1 }, 404],
      [{ organization: "Acme", project: "none", rpm: 1 }, 404],
      [{ key: "live000000000000", rpm: 1 }, 404],
      [{ model: "none", rpm: 1 }, 404],
      [{ rpm: 1 }, 400],
      [{ organization: "Acme", key: keyId, rpm: 1 }, 400],
      [{ project: "p", rpm: 1 }, 400],
      [{ organization: "Acme", rpm: 0 }, 400],
      [{ organization: "Acme", priority: "high" }, 400],
    ];
    for (const [body, status] of refused) {
      const answer = await set(body);
      expect([body, answer.status]).toEqual([body, status]);
      expect(String(errorOf(answer)["message"]).length).toBeGreaterThan(10);
    }
  });
});
