import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { postCall } from "../../../test/support/post-call.ts";
import { eventIdOf, newRequestId } from "../../lib/ids.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

describe("usage, receipts and the ledger", () => {
  let requestId: string;
  const startedAt = new Date("2031-03-05T10:00:00Z");
  let keyId: string;

  beforeAll(async () => {
    const organization = "Metered";
    const key = await control.post("/keys", { organization, project: "p", name: "n" });
    keyId = String(key.body["id"]);
    await control.post("/credits", { organization, usd: "10" });
    await control.post("/providers", {
      name: "metered-provider",
      base_url: "http://127.0.0.1:9/v1",
      allow_private: true,
    });
    await control.post("/models", {
      name: "metered-model",
      provider: "metered-provider",
      input_usd_per_mtok: "2",
      cached_input_usd_per_mtok: "1",
      output_usd_per_mtok: "3",
    });
    requestId = await postCall(control.database, {
      organization: "Metered",
      model: "metered-model",
      keyId,
      startedAt,
      // 100 × 2 + 20 × 1 + 50 × 3 micro-dollars.
      costPicos: 370_000_000n,
    });
  });

  const totals = {
    calls: 1,
    input_tokens: 120,
    cached_input_tokens: 20,
    output_tokens: 50,
    quantities: { uncached_input: 100, cache_read: 20, output_text: 50 },
    cost_usd: "0.00037",
  };

  test("add up by model, project, key and day", async () => {
    const groups = { model: "metered-model", project: "p", key: keyId, day: "2031-03-05" };
    for (const [groupBy, group] of Object.entries(groups)) {
      const { body } = await control.get(`/usage?organization=Metered&group_by=${groupBy}`);

      expect(body).toEqual({ ...totals, rows: [{ group, ...totals }] });
    }
  });

  test("are narrowed by time: from is included, to is not", async () => {
    const calls = async (query: string) =>
      (await control.get(`/usage?organization=Metered&${query}`)).body["calls"];

    expect(await calls("from=2031-03-05&to=2031-03-06")).toBe(1);
    expect(await calls("from=2031-03-05T10:00:00Z")).toBe(1);
    expect(await calls("to=2031-03-05T10:00:00Z")).toBe(0);
    expect(await calls("from=2031-03-06")).toBe(0);
    const backwards = await control.get(
      "/usage?organization=Metered&from=2031-02-01&to=2031-01-01",
    );
    expect(errorOf(backwards)).toMatchObject({ param: "to" });
  });

  test("are seen by their own organization only", async () => {
    await control.post("/organizations", { name: "Stranger" });

    const { body } = await control.get("/usage?organization=Stranger");

    expect(body).toMatchObject({ calls: 0, cost_usd: "0.00", rows: [] });
  });

  test("have a receipt from the tokens to the transfer", async () => {
    const { body } = await control.get(`/calls/${requestId.toUpperCase()}`);

    expect(body).toMatchObject({
      request_id: requestId,
      organization: "Metered",
      project: "p",
      key_id: keyId,
      model: "metered-model",
      input_tokens: 120,
      cached_input_tokens: 20,
      output_tokens: 50,
      cost_usd: "0.00037",
      charge_usd: "0.00037",
      balance_usd: "9.99963",
    });
    expect(body["attempts"]).toMatchObject([
      {
        attempt: 0,
        provider: "metered-provider",
        outcome: "completed",
        usage_source: "provider",
        quantities: { uncached_input: 100, cache_read: 20, output_text: 50 },
        transfer_id: eventIdOf(requestId, 0),
      },
    ]);
  });

  test("without a posted call say when to ask again", async () => {
    const unknown = await control.get(`/calls/${newRequestId()}`);
    const junk = await control.get("/calls/42");

    expect(unknown.status).toBe(404);
    expect(errorOf(unknown)).toMatchObject({ param: "request_id", code: "call_not_found" });
    expect(junk.status).toBe(400);
  });

  test("leave a wallet whose parts sum to what was granted", async () => {
    const { body } = await control.get("/wallets?organization=Metered");

    expect(body).toMatchObject({
      balance_usd: "9.00",
      leased_usd: "0.99963",
      spent_usd: "0.00037",
      granted_usd: "10.00",
    });
  });

  test("are checked from the smallest facts upward", async () => {
    const { body } = await control.post("/ledger/check");

    expect(body).toMatchObject({ ok: true, problems: [] });
    expect(body["transfers"]).toBeGreaterThan(2);
    expect(body["entries"]).toBeGreaterThan(4);
  });
});
