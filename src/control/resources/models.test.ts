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

describe("models and prices", () => {
  beforeAll(async () => {
    for (const name of ["one", "two"]) {
      const base_url = "http://127.0.0.1:9/v1";
      await control.post("/providers", { name, base_url, allow_private: true });
    }
  });

  test("with a slash in the name are created, deployed twice, priced again and removed", async () => {
    const created = await control.post("/models", {
      name: "meta/llama-3:free@v1",
      provider: "one",
      upstream: "llama-3",
      input_usd_per_mtok: "0.15",
      output_usd_per_mtok: "0.60",
      cached_input_usd_per_mtok: "0.075",
      max_output_tokens: 4096,
    });
    const path = `/models/${encodeURIComponent("meta/llama-3:free@v1")}`;
    const deployed = await control.post(`${path}/deployments`, { provider: "two" });
    const priced = await control.post("/prices", {
      model: "meta/llama-3:free@v1",
      input_usd_per_mtok: "0.000001",
      output_usd_per_mtok: "1",
      request_usd: "0.000000000001",
    });
    const prices = await control.get("/prices?model=meta%2Fllama-3%3Afree%40v1");
    const removed = await control.remove(path);

    expect(created.status).toBe(201);
    expect(created.body["price"]).toMatchObject({
      input_usd_per_mtok: "0.15",
      output_usd_per_mtok: "0.60",
      cached_input_usd_per_mtok: "0.075",
      reasoning_usd_per_mtok: "0.60",
      request_usd: "0.00",
      valid_to: null,
    });
    expect(deployed.body["deployments"]).toMatchObject([
      { provider: "one", upstream_model: "llama-3" },
      { provider: "two", upstream_model: "meta/llama-3:free@v1" },
    ]);
    expect(priced.body).toMatchObject({
      input_usd_per_mtok: "0.000001",
      request_usd: "0.000000000001",
    });
    expect(rowsOf(prices.body).map((row) => row["valid_to"])).toEqual([
      null,
      priced.body["valid_from"],
    ]);
    expect(removed.body).toMatchObject({ name: "meta/llama-3:free@v1", deployments: [] });
    expect((await control.remove(path)).status).toBe(404);
  });

  test("say what they can do, once somebody knows; what is left out stays as it was", async () => {
    await control.post("/models", {
      ...{ name: "able", provider: "one", capabilities: ["tools"], without_price: true },
    });
    const set = (body: object) => control.post("/models/able", body);

    const limited = await set({ max_output_tokens: 512, modalities: ["image", "file"] });
    const forgotten = await set({ modalities: null });
    const empty = await set({ capabilities: [] });

    const known = { capabilities: ["tools"], max_output_tokens: 512 };
    expect(limited.body).toMatchObject({ ...known, modalities: ["image", "file"] });
    expect(forgotten.body).toMatchObject({ ...known, modalities: null });
    // Nothing at all is another thing than unknown.
    expect(empty.body).toMatchObject({ capabilities: [], max_output_tokens: 512 });
    expect(errorOf(await set({ capabilities: ["juggling"] })).param).toBe("capabilities.0");
    expect((await control.post("/models/nobody", {})).status).toBe(404);
  });

  test("without a price are listed without one", async () => {
    const unpriced = { name: "unpriced", provider: "one", without_price: true };
    await control.post("/models", unpriced);

    const listed = rowsOf((await control.get("/models")).body);

    expect(listed.find((row) => row["name"] === "unpriced")).toMatchObject({ price: null });
    expect((await control.post("/models", unpriced)).status).toBe(409);
  });

  test("announced ahead do not hold yet", async () => {
    const price = { input_usd_per_mtok: "1", output_usd_per_mtok: "2" };
    await control.post("/models", { name: "announced", provider: "one", ...price });
    const later = { model: "announced", input_usd_per_mtok: "5", output_usd_per_mtok: "6" };
    await control.post("/prices", { ...later, valid_from: inAnHour() });

    const listed = rowsOf((await control.get("/models")).body);

    expect(listed.find((row) => row["name"] === "announced")?.["price"]).toMatchObject({
      input_usd_per_mtok: "1.00",
    });
  });

  const model = { name: "m", provider: "one" };
  const both = { input_usd_per_mtok: "1", output_usd_per_mtok: "1" };
  const refused: readonly [why: string, path: string, body: unknown, param: string][] = [
    ["a price that nobody knows", "/models", model, "input_usd_per_mtok"],
    ["a price and none", "/models", { ...model, ...both, without_price: true }, "without_price"],
    [
      "a cached price alone",
      "/models",
      { ...model, cached_input_usd_per_mtok: "1" },
      "input_usd_per_mtok",
    ],
    [
      "a negative price",
      "/models",
      { ...model, ...both, input_usd_per_mtok: "-1" },
      "input_usd_per_mtok",
    ],
    [
      "seven decimals",
      "/models",
      { ...model, ...both, output_usd_per_mtok: "0.0000001" },
      "output_usd_per_mtok",
    ],
    ["a name with spaces", "/models", { ...model, name: "a b" }, "name"],
    ["no output tokens", "/models", { ...model, max_output_tokens: 0 }, "max_output_tokens"],
    ["no price at all", "/prices", { model: "unpriced" }, "input_usd_per_mtok"],
    [
      "a price in the past",
      "/prices",
      { model: "unpriced", ...both, valid_from: "2020-01-01" },
      "valid_from",
    ],
  ];

  for (const [why, path, body, param] of refused) {
    test(`with ${why} are refused`, async () => {
      const answered = await control.post(path, body);

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ param });
    });
  }

  test("that are misspelt are answered with the nearest names", async () => {
    for (const answered of [
      await control.post("/prices", { model: "unprised", ...both }),
      await control.get("/prices?model=unprised"),
      await control.remove("/models/unprised"),
      await control.post("/models/unprised/deployments", { provider: "one" }),
    ]) {
      expect(answered.status).toBe(404);
      expect(errorOf(answered)).toMatchObject({ param: "model", code: "model_not_found" });
      expect(errorOf(answered).message).toContain("Did you mean 'unpriced'?");
    }
  });
});
