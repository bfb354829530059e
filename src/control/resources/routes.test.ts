import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Answered,
  errorOf,
  startTestControl,
  type TestControl,
} from "../../../test/support/control.ts";
import { processSocketOf } from "../../platform/process-sockets.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
  const base_url = "http://127.0.0.1:9/v1";
  for (const [name, region] of [
    ["openai", "us-east"],
    ["alibaba", "cn-beijing"],
    ["vllm", "eu-central"],
    ["somewhere", undefined],
  ]) {
    await control.post("/providers", { name, base_url, allow_private: true, region });
  }
  const price = { input_usd_per_mtok: "1", output_usd_per_mtok: "10" };
  const models = [
    { name: "gpt-5", provider: "openai", ...price, max_output_tokens: 1_000 },
    { name: "qwen-max", provider: "alibaba", ...price, input_usd_per_mtok: "0.5" },
    { name: "small", provider: "vllm", ...price, context_tokens: 8_000 },
    { name: "gratis", provider: "somewhere", without_price: true },
  ];
  for (const model of models) expect((await control.post("/models", model)).status).toBe(201);
  await control.post("/models/small/deployments", { provider: "somewhere" });
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

const rowsOf = ({ body }: Answered) => body["data"] as Record<string, unknown>[];
const to = (...models: string[]) => ({
  tiers: [{ name: "main", targets: models.map((model) => ({ model })) }],
});
const set = (name: string, definition: unknown) =>
  control.post(`/routes/${encodeURIComponent(name)}/versions`, { definition });
const explain = async (body: object) => await control.post("/route-explanations", body);
const providersOf = ({ body }: Answered) =>
  (body["candidates"] as { provider: string }[]).map(({ provider }) => provider);

/** Mandarin and Cantonese to a specialist, everything else to the primary; what fails goes on. */
const assistant = {
  aliases: ["gpt-4"],
  tiers: [
    {
      name: "chinese",
      when: { language: ["zh", "yue"] },
      targets: [{ model: "qwen-max", when: { not: { modality: "image" } } }],
    },
    { name: "primary", targets: [{ model: "gpt-5" }] },
    { name: "own", strategy: "least-busy", targets: [{ model: "small" }] },
  ],
  retry: { attempts: 4, again: { rate_limited: 0 }, backoff_ms: 100 },
  hedge: { after_ms: 3_000 },
  timeout_ms: 60_000,
  cache: { ttl_seconds: 60 },
};

describe("routes", () => {
  test("are set, shown, listed, undone and removed; every version stays", async () => {
    const first = await set("assistant", assistant);
    const second = await set("assistant", to("gpt-5"));
    const undone = await control.post("/routes/assistant/undo", {});
    const shown = await control.get("/routes/assistant");
    const old = await control.get("/routes/assistant?version=2");
    const listed = await control.get("/routes");

    expect([first.status, first.body["version"]]).toEqual([201, 1]);
    expect(first.body["definition"]).toEqual(assistant);
    expect(second.body["version"]).toBe(2);
    expect(undone.body).toMatchObject({ version: 3, restores: 1, definition: assistant });
    expect(shown.body).toEqual(undone.body);
    expect(old.body).toMatchObject({ version: 2, current_version: 3, definition: to("gpt-5") });
    expect(rowsOf(listed).map((row) => row["name"])).toEqual(["assistant"]);

    const removed = await control.remove("/routes/assistant");
    expect(removed.body).toMatchObject({ name: "assistant", current_version: null });
    expect((await control.get("/routes/assistant")).status).toBe(404);
    expect(rowsOf(await control.get("/routes/assistant/versions"))).toHaveLength(3);
  });

  test("may be called by names with slashes", async () => {
    await set("team/chat:v1", to("gpt-5"));

    const shown = await control.get(`/routes/${encodeURIComponent("team/chat:v1")}`);

    expect(shown.body["name"]).toBe("team/chat:v1");
  });

  const refused: readonly [why: string, definition: unknown, param: string, message: RegExp][] = [
    ["a model that does not exist", to("qwen-mx"), "tiers.0.targets.0.model", /'qwen-max'/],
    [
      "a target that is a route",
      to("gpt-5", "team/chat:v1"),
      "tiers.0.targets.1.model",
      /is a route/,
    ],
    [
      "a strategy that does not exist",
      { ...to("gpt-5"), strategy: "cheapest" },
      "definition.strategy",
      /lowest-cost/,
    ],
    [
      "a field that is misspelt",
      { tiers: [{ name: "a", targets: [{ modle: "gpt-5" }] }] },
      "definition.tiers.0.targets.0.model",
      /missing/,
    ],
    ["no tiers", { tiers: [] }, "definition.tiers", /./],
    [
      "a language that is none",
      { tiers: [{ name: "a", when: { language: "chinese!" }, targets: [{ model: "gpt-5" }] }] },
      "definition.tiers.0.when.language",
      /./,
    ],
    [
      "a region where nothing of it runs",
      { tiers: [{ name: "a", targets: [{ model: "gpt-5", region: "eu" }] }] },
      "tiers.0.targets.0.region",
      /'us-east' is where it runs/,
    ],
    [
      "conditions that nest without end",
      {
        tiers: [
          {
            name: "a",
            targets: [{ model: "gpt-5", when: { not: { not: { not: { not: { not: {} } } } } } }],
          },
        ],
      },
      "definition.tiers.0.targets.0.when.not.not.not",
      /./,
    ],
  ];
  for (const [why, definition, param, message] of refused) {
    test(`are refused for ${why}`, async () => {
      const answered = await set("bad", definition);

      expect(answered.status).toBe(400);
      expect(errorOf(answered).param).toBe(param);
      expect(errorOf(answered).message).toMatch(message);
    });
  }

  test("that a hostile body nests ten thousand deep are refused like any other", async () => {
    const when = `${'{"not":'.repeat(10_000)}{}${"}".repeat(10_000)}`;
    const body = `{"definition":{"tiers":[{"name":"a","when":${when},"targets":[{"model":"gpt-5"}]}]}}`;

    const answered = await control.send("/api/v1/routes/deep/versions", {
      method: "POST",
      headers: {
        authorization: `Bearer ${"ad0315".padEnd(64, "7b")}`,
        "content-type": "application/json",
      },
      body,
    });

    expect(answered.status).toBe(400);
  });
});

describe("a dry run", () => {
  beforeAll(async () => {
    await set("assistant", assistant);
  });

  test("says who would be asked, why, who would not, and what a call holds", async () => {
    const { body } = await explain({
      model: "assistant",
      text: "请帮我写一封信给客户，说明我们的产品为什么延迟发货。",
      max_output_tokens: 100,
    });

    expect(body).toMatchObject({
      model: "assistant",
      route: { name: "assistant", version: 4 },
      language: "zh",
      left_out: [],
      refusal: null,
      health: "unknown",
      policy: {
        attempts: 4,
        hedge_after_ms: 3_000,
        timeout_ms: 60_000,
        cache_ttl_seconds: 60,
      },
    });
    expect(body["candidates"]).toMatchObject([
      {
        tier: "chinese",
        model: "qwen-max",
        provider: "alibaba",
        region: "cn-beijing",
        why: "as written",
      },
      { tier: "primary", model: "gpt-5", provider: "openai" },
      { tier: "own", model: "small", why: "0 calls under way" },
      { tier: "own", model: "small", why: "0 calls under way" },
    ]);
    // 78 bytes are at most 78 tokens at $1, and 100 tokens of output at $10 per million.
    expect(body["cost_bound_usd"]).toBe("0.001078");
  });

  test("of another language names the condition that does not hold", async () => {
    const { body } = await explain({ model: "gpt-4", text: "Where is the nearest station?" });

    expect(body["language"]).toBe("en");
    expect(body["candidates"]).toMatchObject([{ provider: "openai" }, {}, {}]);
    expect(body["left_out"]).toEqual([
      {
        tier: "chinese",
        target: "qwen-max at alibaba",
        reason: "condition",
        why: "the language is 'en', not 'zh' or 'yue'",
      },
    ]);
  });

  test("of a bound organization stays in its regions, whatever the route says", async () => {
    await control.post("/organizations", { name: "Berliner" });
    const bound = await control.post("/organizations/Berliner", { regions: ["EU", "eu"] });
    const answered = await explain({
      model: "assistant",
      organization: "Berliner",
      language: "zh",
    });
    const alone = await explain({ model: "gpt-5", organization: "Berliner" });

    expect(bound.body).toMatchObject({ name: "Berliner", regions: ["eu"], warnings: [] });
    expect(providersOf(answered)).toEqual(["vllm"]);
    expect(answered.body["left_out"]).toMatchObject([
      { target: "qwen-max at alibaba", reason: "residency" },
      { target: "gpt-5 at openai", reason: "residency" },
      {
        target: "small at somewhere",
        reason: "residency",
        why: expect.stringContaining("nobody has said"),
      },
    ]);
    expect(alone.body).toMatchObject({
      route: null,
      candidates: [],
      cost_bound_usd: null,
      refusal:
        "Calls of 'Berliner' stay in eu, and nothing there serves 'gpt-5'. Call a model that runs there.",
    });
  });

  test("of a model without a price or a name that nobody knows", async () => {
    expect((await explain({ model: "gratis" })).body).toMatchObject({
      candidates: [],
      refusal: expect.stringContaining("has no price"),
    });
    const unknown = await explain({ model: "asistant" });
    expect([unknown.status, errorOf(unknown).message]).toEqual([
      404,
      "There is no route and no model 'asistant'. Did you mean 'assistant'?",
    ]);
  });

  test("of another operation leaves out who is not known to serve it", async () => {
    const base_url = "http://127.0.0.1:9/v1";
    const claude = { name: "claude", dialect: "anthropic-messages", base_url, allow_private: true };
    await control.post("/providers", claude);
    const price = { input_usd_per_mtok: "1", output_usd_per_mtok: "10" };
    await control.post("/models", { name: "vectors", provider: "openai", ...price });
    await control.post("/models/vectors/deployments", { provider: "claude" });

    const chat = await explain({ model: "vectors" });
    const embeddings = await explain({ model: "vectors", operation: "embeddings" });

    expect(providersOf(chat)).toEqual(["openai", "claude"]);
    expect(providersOf(embeddings)).toEqual(["openai"]);
    expect(embeddings.body["left_out"]).toMatchObject([
      { target: "vectors at claude", reason: "operation" },
    ]);
    // Nothing is answered in tokens, so the input alone is held.
    expect(embeddings.body["cost_bound_usd"]).toBe("0.001");
  });

  test("of a definition that is not in force yet changes nothing", async () => {
    const definition = {
      tiers: [
        {
          name: "night",
          when: { time: { zone: "Asia/Shanghai", from: "22:00", to: "06:00" } },
          targets: [{ model: "small" }],
        },
        {
          name: "day",
          strategy: "lowest-cost",
          targets: [{ model: "gpt-5" }, { model: "qwen-max" }],
        },
      ],
    };
    const night = await explain({ model: "assistant", definition, at: "2031-11-22T15:00:00Z" });
    const day = await explain({ model: "assistant", definition, at: "2031-11-22T03:00:00Z" });

    expect(providersOf(night).slice(-2)).toEqual(["alibaba", "openai"]);
    expect(providersOf(night)).toHaveLength(4);
    expect(providersOf(day)).toEqual(["alibaba", "openai"]);
    expect((await control.get("/routes/assistant")).body["version"]).toBe(4);
    expect((await explain({ model: "new-one", definition: to("gone") })).status).toBe(400);
  });

  test("with a seed draws the same again", async () => {
    const definition = {
      strategy: "weighted",
      tiers: [
        {
          name: "t",
          targets: [
            { model: "gpt-5", weight: 5 },
            { model: "qwen-max", weight: 5 },
          ],
        },
      ],
    };
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const drawn = async () =>
      await Promise.all(
        seeds.map(async (seed) => providersOf(await explain({ model: "x", definition, seed }))[0]),
      );

    const first = await drawn();

    expect(await drawn()).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });

  test("asks a running gateway how its deployments are", async () => {
    const { body } = await control.get("/models");
    const models = body["data"] as { name: string; deployments: { id: string }[] }[];
    const id = models.find(({ name }) => name === "gpt-5")?.deployments[0]?.id;
    const runFolder = join(control.home, "run");
    mkdirSync(runFolder, { recursive: true });
    const socket = processSocketOf(runFolder, "0195f2f0-0000-7000-8000-000000000000");
    const book = { deployment_id: id, circuit: "open", open_until_ms: Date.UTC(2031, 0, 1) };
    await using server = Bun.serve({
      unix: socket,
      routes: { "/health-book": () => Response.json({ deployments: [book] }) },
      fetch: () => new Response("ok"),
    });
    expect(server.url).toBeDefined();

    const answered = await explain({ model: "assistant", language: "de" });

    expect(answered.body["health"]).toBe("live");
    expect(providersOf(answered).at(-1)).toBe("openai");
    expect((answered.body["candidates"] as object[]).at(-1)).toMatchObject({
      is_last_resort: true,
      why: "failed too often of late; rests until 2031-01-01T00:00:00.000Z",
    });
  });
});

describe("regions of an organization", () => {
  test("where nothing runs are in force, with a warning", async () => {
    await control.post("/organizations", { name: "early" });

    const { status, body } = await control.post("/organizations/early", {
      regions: ["eu", "cn-beijng"],
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({ regions: ["eu", "cn-beijng"] });
    expect(body["warnings"]).toEqual([
      "No provider runs in 'cn-beijng': calls that may go nowhere else are refused. Did you mean 'cn-beijing'?",
    ]);
  });

  test("are taken away again, and seen in the list", async () => {
    await control.post("/organizations/early", { regions: null });

    const early = rowsOf(await control.get("/organizations")).find(
      (row) => row["name"] === "early",
    );

    expect(early).toMatchObject({ regions: null });
  });

  test("must be some, and of an organization that there is", async () => {
    expect(errorOf(await control.post("/organizations/early", { regions: [] })).param).toBe(
      "regions",
    );
    expect((await control.post("/organizations/nobody", { regions: ["eu"] })).status).toBe(404);
    expect((await control.post("/organizations/early", { regions: ["e u"] })).status).toBe(400);
  });
});
