import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { providerCommands } from "../../cli/definitions/providers.ts";
import { Dialect } from "../../contract/providers.ts";
import { dialectNames } from "../../providers/upstream.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

describe("providers", () => {
  const add = (name: string, base_url: string, more: Record<string, unknown> = {}) =>
    control.post("/providers", { name, base_url, ...more });

  const refused: readonly [url: string, allowPrivate: boolean][] = [
    ["http://127.0.0.1:9/v1", false],
    ["https://127.0.0.1/v1", false],
    ["https://localhost/v1", false],
    ["https://[::1]/v1", false],
    ["https://10.0.0.1/v1", false],
    ["https://192.168.1.1/v1", false],
    ["https://[::ffff:127.0.0.1]/v1", false],
    ["https://2130706433/v1", false],
    ["https://0x7f.1/v1", false],
    ["https://0/v1", false],
    ["https://169.254.169.254/latest/meta-data", false],
    ["https://169.254.169.254/latest/meta-data", true],
    ["http://api.example.com/v1", false],
    ["ftp://example.com/v1", true],
    ["file:///etc/passwd", true],
    ["https://user:secret@example.com/v1", true],
    ["https://127.0.0.1/v1?key=x", true],
    ["not a url", true],
    ["", true],
  ];

  for (const [url, allowPrivate] of refused) {
    test(`at ${url || "no address"}${allowPrivate ? " with private ones allowed" : ""} are refused`, async () => {
      const answered = await add("bad", url, { allow_private: allowPrivate });

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ param: "base_url" });
      expect(answered.body).not.toHaveProperty("base_url");
    });
  }

  test("keep their credential to themselves", async () => {
    const created = await add("private-vllm", "http://127.0.0.1:9/v1/", {
      allow_private: true,
      api_key: "sk-very-secret",
      region: "eu",
      quirks: { usage_lookup: true },
    });

    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      base_url: "http://127.0.0.1:9/v1",
      dialect: "openai-chat",
      has_credential: true,
      quirks: { usage_lookup: true },
    });
    const listed = await control.get("/providers");
    expect(JSON.stringify([created.body, listed.body])).not.toContain("sk-very-secret");
    expect((await add("private-vllm", "http://127.0.0.1:9", { allow_private: true })).status).toBe(
      409,
    );
  });

  test("that move keep their models; a credential that is not given again is erased", async () => {
    const old = { allow_private: true, api_key: "sk-old" };
    const first = await add("moving", "http://127.0.0.1:9/v1", old);
    await control.post("/models", { name: "staying", provider: "moving", without_price: true });

    const moved = await add("moving", "http://127.0.0.1:10/v1", {
      allow_private: true,
      replace: true,
    });

    expect(moved.body).toMatchObject({
      id: first.body["id"],
      base_url: "http://127.0.0.1:10/v1",
      has_credential: false,
    });
    const models = (await control.get("/models")).body["data"];
    expect(models).toMatchObject([{ name: "staying", deployments: [{ provider: "moving" }] }]);
  });

  test("with an unknown dialect, quirk or name are refused", async () => {
    const url = "http://127.0.0.1:9/v1";
    const dialect = await add("x", url, { allow_private: true, dialect: "telepathy" });
    const quirk = await add("x", url, { allow_private: true, quirks: { usage_lokup: true } });
    const name = await add("With Spaces", url, { allow_private: true });

    expect(errorOf(dialect)).toMatchObject({ param: "dialect" });
    expect(errorOf(quirk)).toMatchObject({ param: "quirks.usage_lokup" });
    expect(errorOf(quirk).message).toContain("Did you mean 'usage_lookup'?");
    expect(errorOf(name)).toMatchObject({ param: "name" });
  });

  test("are tested with a real call: ok, refused credential, no list, nobody there", async () => {
    using upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        const path = new URL(request.url).pathname;
        if (path === "/page/models") return new Response("<html>");
        if (request.headers.get("authorization") !== "Bearer sk-right") {
          return Response.json({ error: { message: "bad key sk-wrong" } }, { status: 401 });
        }
        return Response.json({ data: [{ id: "m1" }, { id: "m2" }, {}] });
      },
    });
    const base = `http://127.0.0.1:${upstream.port}`;
    const testOf = async (name: string, url: string, api_key?: string) => {
      await add(name, url, { allow_private: true, ...(api_key && { api_key }) });
      return (await control.post(`/providers/${name}/test`)).body;
    };

    const right = await testOf("right", `${base}/v1`, "sk-right");
    const wrong = await testOf("wrong", `${base}/v1`, "sk-wrong");
    const noList = await testOf("no-list", `${base}/page`);
    const nobody = await testOf("nobody", "http://127.0.0.1:1/v1");

    expect(right).toMatchObject({ ok: true, status: 200, models: ["m1", "m2"] });
    expect(right["latency_ms"]).toBeNumber();
    expect(wrong).toMatchObject({ ok: false, status: 401, models: [] });
    expect(wrong["reason"]).toContain("refused its credential");
    expect(JSON.stringify(wrong)).not.toContain("sk-wrong");
    expect(noList).toMatchObject({ ok: false, status: 200 });
    expect(noList["reason"]).toContain("https://host/v1");
    expect(nobody).toMatchObject({ ok: false, status: null, latency_ms: null });
  });

  test("can have several credentials, each of which can be tried and erased", async () => {
    const used: (string | null)[] = [];
    using upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        used.push(request.headers.get("authorization"));
        return Response.json({ data: [] });
      },
    });
    await add("two-accounts", `http://127.0.0.1:${upstream.port}/v1`, {
      allow_private: true,
      api_key: "sk-account-one",
    });
    const credentials = "/providers/two-accounts/credentials";

    const added = await control.post(credentials, {
      name: "second",
      api_key: "sk-account-two",
      weight: 2,
    });
    await control.post("/providers/two-accounts/test");
    await control.post("/providers/two-accounts/test", { credential: "second" });
    const wrong = await control.post("/providers/two-accounts/test", { credential: "secnod" });
    const listed = await control.get(credentials);
    const removed = await control.remove(`${credentials}/default`);
    const provider = (await control.get("/providers")).body["data"];

    expect(added.status).toBe(201);
    expect(added.body).toMatchObject({ name: "second", weight: 2, removed_at: null });
    expect(used).toEqual(["Bearer sk-account-one", "Bearer sk-account-two"]);
    expect(errorOf(wrong).message).toContain("Did you mean 'second'?");
    expect(listed.body["data"]).toMatchObject([{ name: "default" }, { name: "second" }]);
    expect(removed.body["removed_at"]).toBeString();
    expect(provider).toContainEqual(
      expect.objectContaining({ name: "two-accounts", credentials: ["second"] }),
    );
    expect(JSON.stringify([added, listed, removed, provider])).not.toContain("sk-account");
    for (const [body, param] of [
      [{ name: "x", api_key: "k", weight: 1_001 }, "weight"],
      [{ name: "With Space", api_key: "k" }, "name"],
      [{ name: "x" }, "api_key"],
      [{ name: "x", api_key: "" }, "api_key"],
    ] as const) {
      expect(errorOf(await control.post(credentials, body))).toMatchObject({ param });
    }
  });

  test("name an address in a quirk that is checked like the base URL", async () => {
    const url = "http://127.0.0.1:9/v1";
    const answered = await add("sly", url, {
      allow_private: true,
      quirks: { endpoint_urls: { rerank: "http://169.254.169.254/latest" } },
    });

    expect(answered.status).toBe(400);
    expect(errorOf(answered)).toMatchObject({ param: "quirks.endpoint_urls.rerank" });
  });

  test("that are known beforehand need no address and no dialect", async () => {
    const presets = (await control.get("/provider-presets")).body["data"] as { name: string }[];
    expect(presets.map(({ name }) => name)).toContain("openrouter");

    // Where no name can be looked up, the refusal names the address that was taken.
    const created = await control.post("/providers", { name: "groq", api_key: "gsk-1" });
    const elsewhere = await control.post("/providers", {
      name: "qwen",
      preset: "alibaba",
      region: "us-east-1",
      base_url: "http://127.0.0.1:9/v1",
      allow_private: true,
      quirks: {
        choices_max: 1,
        dialect_urls: { "anthropic-messages": "http://127.0.0.1:9/anthropic" },
        endpoint_urls: {
          rerank: "http://127.0.0.1:9/x",
          image_generation: "http://127.0.0.1:9/x",
          image_edit: "http://127.0.0.1:9/x",
        },
      },
    });

    expect(JSON.stringify(created.body)).toContain("api.groq.com");
    expect(elsewhere.body).toMatchObject({
      dialect: "openai-chat",
      base_url: "http://127.0.0.1:9/v1",
      region: "us-east-1",
      quirks: { choices_max: 1, thoughts_beside_limit: true },
    });
    expect(JSON.stringify([created.body, presets])).not.toContain("gsk-1");
  });

  test("that are not known say so, with what is near", async () => {
    const refusals: [body: Record<string, unknown>, param: string, message: string][] = [
      [{ name: "grok" }, "preset", "Did you mean 'groq'?"],
      [{ name: "x", preset: "antropic" }, "preset", "Did you mean 'anthropic'?"],
      [{ name: "bedrock" }, "region", "--region"],
      [{ name: "moonshot", region: "eu" }, "region", "global, cn"],
      [{ name: "ollama" }, "base_url", "allow private"],
      [{ name: "anthropic", dialect: "openai-chat" }, "dialect", "anthropic-messages"],
    ];
    for (const [body, param, message] of refusals) {
      const answered = await control.post("/providers", body);
      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ param });
      expect(errorOf(answered).message).toContain(message);
    }
  });

  test("with an address of their own are taken as they are, whatever their name", async () => {
    const created = await control.post("/providers", {
      name: "deepseek",
      base_url: "http://127.0.0.1:9/v1",
      allow_private: true,
    });

    expect(created.body).toMatchObject({ dialect: "openai-chat", region: null, quirks: {} });
  });

  test("list their models in forms of their own", async () => {
    const lists = [
      { models: [{ name: "models/gemini-x" }, { name: "command-x" }] },
      { modelSummaries: [{ modelId: "anthropic.claude-x" }] },
      { publisherModels: [{ name: "publishers/google/models/gemini-y" }] },
    ];
    using upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => Response.json(lists[Number(new URL(request.url).pathname[1])]),
    });
    const found: unknown[] = [];
    for (const index of lists.keys()) {
      await add(`lists-${index}`, `http://127.0.0.1:${upstream.port}/${index}`, {
        allow_private: true,
      });
      found.push((await control.post(`/providers/lists-${index}/test`)).body["models"]);
    }

    expect(found).toEqual([["gemini-x", "command-x"], ["anthropic.claude-x"], ["gemini-y"]]);
  });

  test("speak the dialects that there is code for, in the contract and on the command line", () => {
    const command = providerCommands.find(({ name }) => name === "provider add");

    expect(Dialect.options).toEqual([...dialectNames]);
    expect(command?.flags["dialect"]?.choices).toEqual([...dialectNames]);
  });

  test("that are misspelt are answered with the nearest names", async () => {
    for (const answered of [
      await control.post("/providers/private-vlm/test"),
      await control.remove("/providers/private-vlm"),
      await control.post("/models", { name: "m", provider: "private-vlm" }),
    ]) {
      expect(answered.status).toBe(404);
      expect(errorOf(answered).message).toContain("Did you mean 'private-vllm'?");
    }
  });

  test("in use cannot be removed", async () => {
    await add("in-use", "http://127.0.0.1:9/v1", { allow_private: true });
    await control.post("/models", { name: "using-it", provider: "in-use", without_price: true });

    expect((await control.remove("/providers/in-use")).status).toBe(409);
    expect((await control.remove("/models/using-it")).status).toBe(200);
    expect((await control.remove("/providers/in-use")).body).toMatchObject({ name: "in-use" });
  });
});
