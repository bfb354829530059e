import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { parseKey } from "../../domains/identity/index.ts";
import { ledgerStore } from "../../domains/ledger/index.ts";
import { eventIdOf, newRequestId } from "../../lib/ids.ts";
import { nanos, picos } from "../../lib/money.ts";

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

describe("keys", () => {
  test("are created with their organization and project, and shown once", async () => {
    const { status, body, headers } = await control.post("/keys", {
      organization: "Acme",
      project: "support bot",
      name: "production",
      budget_usd: "25.50",
      rpm: 600,
      expires_at: "2090-01-01",
    });

    expect(status).toBe(201);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(parseKey(String(body["key"]))?.keyId).toBe(String(body["id"]));
    expect(body).toMatchObject({
      organization: "Acme",
      project: "support bot",
      name: "production",
      mode: "live",
      budget_usd: "25.50",
      rpm: 600,
      tpm: null,
      expires_at: "2090-01-01T00:00:00.000Z",
      revoked_at: null,
      replaces_id: null,
    });
    const listed = await control.get("/keys?organization=Acme");
    expect(JSON.stringify(listed.body)).not.toContain(String(body["key"]).slice(-20));
    expect(rowsOf(listed.body).map((key) => key["id"])).toEqual([body["id"]]);
  });

  test("are revoked, and rotated with a grace", async () => {
    const settings = { organization: "Rotating", project: "p", name: "n" };
    const first = (await control.post("/keys", settings)).body;

    const second = await control.post(`/keys/${first["id"]}/rotate`, { grace_seconds: 60 });

    expect(second.status).toBe(201);
    expect(second.body).toMatchObject({ name: "n", replaces_id: first["id"], revoked_at: null });
    expect(second.body["key"]).not.toBe(first["key"]);
    const again = await control.post(`/keys/${first["id"]}/rotate`);
    expect(again.status).toBe(409);
    const revoked = await control.post(`/keys/${second.body["id"]}/revoke`);
    expect(revoked.status).toBe(200);
    expect(revoked.body["revoked_at"]).toBeString();
    expect(revoked.body["key"]).toBeUndefined();
  });

  test("that do not exist are not found, and a key given for its id is not repeated", async () => {
    const { body } = await control.post("/keys", { organization: "Acme", project: "p", name: "n" });

    const unknown = await control.post("/keys/live0123456789ab/revoke");
    const pasted = await control.post(`/keys/${body["key"]}/revoke`);

    expect([unknown.status, pasted.status]).toEqual([404, 404]);
    expect(errorOf(unknown)).toMatchObject({ param: "id", code: "key_not_found" });
    expect(JSON.stringify(pasted.body)).not.toContain(String(body["key"]));
  });

  const base = { organization: "Acme", project: "p", name: "n" };
  const refused: readonly [why: string, body: unknown, param: string | null, says: string][] = [
    ["a missing name", { organization: "Acme", project: "p" }, "name", "'name' is missing."],
    ["an empty name", { ...base, name: "  " }, "name", "must not be empty"],
    ["a long name", { ...base, name: "x".repeat(121) }, "name", "at most 120"],
    ["a line break", { ...base, name: "a\nb" }, "name", "control characters"],
    ["a number as name", { ...base, name: 7 }, "name", "expected string"],
    ["a misspelt field", { ...base, budget_us: "1" }, "budget_us", "Did you mean 'budget_usd'?"],
    ["a number as money", { ...base, budget_usd: 5 }, "budget_usd", "decimal string"],
    ["a negative budget", { ...base, budget_usd: "-5" }, "budget_usd", "not negative"],
    ["a budget of zero", { ...base, budget_usd: "0.00" }, "budget_usd", "more than 0"],
    ["ten decimals", { ...base, budget_usd: "0.0000000001" }, "budget_usd", "9 decimal"],
    ["ten billion", { ...base, budget_usd: "10000000000" }, "budget_usd", "not an amount"],
    ["exponents", { ...base, budget_usd: "1e3" }, "budget_usd", "decimal string"],
    ["no limit at all", { ...base, rpm: 0 }, "rpm", "rpm"],
    ["half a request", { ...base, rpm: 1.5 }, "rpm", "rpm"],
    ["more than int4", { ...base, tpm: 3_000_000_000 }, "tpm", "tpm"],
    ["an unknown mode", { ...base, mode: "prod" }, "mode", "live"],
    ["a budget on a test key", { ...base, mode: "test", budget_usd: "1" }, "budget_usd", "never"],
    ["an expiry in the past", { ...base, expires_at: "2020-01-01" }, "expires_at", "future"],
    ["no calendar day", { ...base, expires_at: "2090-02-30" }, "expires_at", "must be a time"],
    ["a time without zone", { ...base, expires_at: "2090-02-01T00:00" }, "expires_at", "time"],
    ["nothing at all", {}, "organization", "'organization' is missing."],
  ];

  for (const [why, body, param, says] of refused) {
    test(`with ${why} are refused`, async () => {
      const answered = await control.post("/keys", body);

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ type: "invalid_request_error", param });
      expect(errorOf(answered).message).toContain(says);
    });
  }
});

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
    await control.post("/models", { name: "using-it", provider: "in-use" });

    expect((await control.remove("/providers/in-use")).status).toBe(409);
    expect((await control.remove("/models/using-it")).status).toBe(200);
    expect((await control.remove("/providers/in-use")).body).toMatchObject({ name: "in-use" });
  });
});

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

  test("without a price are listed without one", async () => {
    await control.post("/models", { name: "unpriced", provider: "one" });

    const listed = rowsOf((await control.get("/models")).body);

    expect(listed.find((row) => row["name"] === "unpriced")).toMatchObject({ price: null });
    expect((await control.post("/models", { name: "unpriced", provider: "one" })).status).toBe(409);
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
    ["half a price", "/models", { ...model, input_usd_per_mtok: "1" }, "output_usd_per_mtok"],
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
    [
      "no output price",
      "/prices",
      { model: "unpriced", input_usd_per_mtok: "1" },
      "output_usd_per_mtok",
    ],
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

describe("usage, receipts and the ledger", () => {
  const requestId = newRequestId();
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
    await postOneCall();
  });

  async function postOneCall(): Promise<void> {
    const { rows } = await control.database.pool.query<Record<string, bigint>>(
      `select organization_id, project_id, o.wallet_id, model_id, deployment_id, price_version_id
       from organization o join project using (organization_id), deployment join model m using (model_id)
       join price_version using (model_id)
       where o.name = 'Metered' and m.name = 'metered-model'`,
    );
    const ids = rows[0] ?? {};
    const id = (name: string) => ids[name] ?? 0n;
    const ledger = ledgerStore(control.database);
    const gatewayId = Bun.randomUUIDv7();
    await ledger.registerGateway(gatewayId);
    const lease = await ledger.takeLease({
      gatewayId,
      walletId: id("wallet_id"),
      leaseId: undefined,
      need: nanos(1_000_000_000n),
      demand: nanos(1_000_000_000n),
      want: nanos(1_000_000_000n),
      gateways: 1,
      expiresAt: new Date(Date.now() + 60_000),
    });
    // 100 × 2 + 20 × 1 + 50 × 3 micro-dollars.
    const costPicos = picos(370_000_000n);
    await ledger.post({
      gatewayId,
      closedLeaseIds: [],
      ackedSequence: 1n,
      events: [
        {
          requestId,
          attempt: 0,
          organizationId: id("organization_id"),
          projectId: id("project_id"),
          keyId,
          modelId: id("model_id"),
          deploymentId: id("deployment_id"),
          priceVersionId: id("price_version_id"),
          leaseIds: [lease.leaseId],
          startedAtMs: startedAt.getTime(),
          endedAtMs: startedAt.getTime() + 500,
          outcome: "completed",
          source: "provider",
          quantities: { uncached_input: 100, cache_read: 20, output_text: 50 },
          costPicos,
          chargeNanos: nanos(370_000n),
          uncoveredPicos: picos(0n),
          raw: { prompt_tokens: 120 },
        },
      ],
    });
  }

  const totals = {
    calls: 1,
    input_tokens: 120,
    cached_input_tokens: 20,
    output_tokens: 50,
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

describe("status", () => {
  test("counts what there is, and says what is wrong", async () => {
    const { status, body } = await control.get("/status");

    expect(status).toBe(200);
    expect(body).toMatchObject({ ok: false, version: "0.0.0-test", gateways: [] });
    expect(body["database"]).toMatchObject({ ok: true });
    expect(body["organizations"]).toBeGreaterThan(0);
    expect(body["problems"]).toEqual(["No gateway process is running. Start with: baseload up"]);
  });

  test("asks each gateway by its socket, and forgets sockets of dead ones", async () => {
    const run = join(control.home, "run");
    mkdirSync(run, { recursive: true });
    const id = Bun.randomUUIDv7();
    const dead = join(run, `gateway-${Bun.randomUUIDv7()}.sock`);
    await Bun.write(dead, "");
    using _gateway = Bun.serve({
      unix: join(run, `gateway-${id}.sock`),
      fetch: () => Response.json({ ok: true }),
    });

    const { body } = await control.get("/status");

    expect(body).toMatchObject({ ok: true, gateways: [{ id, ok: true }], problems: [] });
    const [gateway] = body["gateways"] as { started_at: string }[];
    expect(Math.abs(Date.parse(gateway?.started_at ?? "") - Date.now())).toBeLessThan(60_000);
  });
});

describe("without its database", () => {
  test("the control plane answers 503 and what to do, and status still answers", async () => {
    await using lonely = await startTestControl("postgres://nobody@127.0.0.1:1/nothing");

    const refusal = await lonely.get("/organizations");
    const ready = await lonely.send("/readyz");
    const status = await lonely.get("/status");

    expect(refusal.status).toBe(503);
    expect(refusal.headers.get("retry-after")).toBe("2");
    expect(errorOf(refusal)).toMatchObject({ code: "database_unavailable" });
    expect(ready.status).toBe(503);
    expect(status.body).toMatchObject({ ok: false, database: { ok: false }, organizations: null });
  });
});
