/**
 * Every command against a real control plane on a real database. The fields of the JSON and the exit codes are
 * promised to scripts: they are written out here, one by one.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { secrets, startTestControl, type TestControl } from "../../test/support/control.ts";
import { postCall } from "../../test/support/post-call.ts";
import {
  type CommandRunOptions,
  runCommandLine,
  wordsOf,
} from "../../test/support/run-command-line.ts";

/** A PostgreSQL may have to start first, on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 60_000;

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
  writeFileSync(
    join(control.home, "secrets.json"),
    JSON.stringify({ admin_token: secrets.admin_token }),
  );
}, START_TIMEOUT_MS);
afterAll(() => control[Symbol.asyncDispose]());

const run = (line: string, options: CommandRunOptions = {}) =>
  runCommandLine([...wordsOf(line), "--home", control.home], options);

/** Runs a command that must be done, and gives its JSON. */
async function json<T = Record<string, unknown>>(
  line: string,
  options: CommandRunOptions = {},
): Promise<T> {
  const { code, notes, json } = await run(`${line} --json`, options);
  expect({ code, notes }).toEqual({ code: 0, notes: "" });
  return json<T>();
}

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const id = expect.stringMatching(/^\d+$/);
const uuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-/);

type Page = { data: Record<string, unknown>[]; next_after: string | null };

describe("org and project", () => {
  test("are created and listed", async () => {
    const acme = { id, name: "acme", regions: null, created_at: time };
    expect(await json("org create acme")).toEqual(acme);
    expect(await json("project create chatbot --organization acme --budget-usd 200")).toEqual({
      id,
      organization: "acme",
      name: "chatbot",
      budget_usd: "200.00",
      created_at: time,
    });

    expect((await json<Page>("org list")).data).toEqual([acme]);
    expect(await json<Page>("project list --organization acme")).toMatchObject({
      data: [{ name: "chatbot", budget_usd: "200.00" }],
      next_after: null,
    });
  });

  test("are shown as tables", async () => {
    const { out } = await run("project list --organization acme");

    const [head, row, ...rest] = out.split("\n");
    expect(head?.split(/ +/).filter(Boolean)).toEqual(["ID", "NAME", "BUDGET", "CREATED"]);
    expect(row).toMatch(/^ *\d+ {2}chatbot {2}\$200\.00 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
    expect(rest).toEqual([""]);
  });

  test("page by page", async () => {
    await json("org create 'second one'");
    const first = await run("org list --limit 1");

    expect(first.out).toContain("acme");
    const cursor = /--after (\S+)/.exec(first.out)?.[1];
    expect((await run(`org list --limit 1 --after ${cursor}`)).out).toContain("second one");
  });

  test("with a name that is taken are refused", async () => {
    const { code, out, notes } = await run("org create acme");

    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(notes).toStartWith("baseload: ");
    expect(notes.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("key", () => {
  test("create gives {id, key, …} and makes what is missing", async () => {
    const key = await json(
      "key create --organization new --project first --name laptop --budget-usd 5 --rpm 60 --tpm 1000 --expires-at 2090-01-01",
    );

    expect(key).toEqual({
      id: expect.stringMatching(/^live[a-z0-9]{12}$/),
      key: expect.stringMatching(/^bl_live[a-z0-9]{12}_[A-Za-z0-9]{32}_[A-Za-z0-9]{6}$/),
      organization: "new",
      project: "first",
      name: "laptop",
      mode: "live",
      budget_usd: "5.00",
      rpm: 60,
      tpm: 1000,
      created_at: time,
      expires_at: "2090-01-01T00:00:00.000Z",
      revoked_at: null,
      replaces_id: null,
    });
    const { out, notes } = await run("key list --organization new --project first");
    expect(out).toContain(String(key["id"]));
    expect(out + notes).not.toContain(String(key["key"]));
  });

  test("create shows the key once, on a line of its own", async () => {
    const { out } = await run("key create --organization new --project first --name x --mode test");

    expect(out).toMatch(/^bl_test[a-z0-9]{12}_\w+\n/);
    expect(out).toContain("Keep it now: it is not stored and cannot be shown again.");
  });

  test("rotate replaces it, revoke ends it", async () => {
    const create = "key create --organization new --project first --name turning";
    const old = await json(create);

    const next = await json(`key rotate ${old["id"]} --grace-seconds 60`);
    expect(next).toMatchObject({ name: "turning", replaces_id: old["id"], revoked_at: null });
    expect(next["key"]).not.toBe(old["key"]);

    const revoked = await json(`key revoke ${next["id"]}`);
    expect(revoked).toMatchObject({ id: next["id"], revoked_at: time });
    expect(revoked).not.toHaveProperty("key");
    expect((await run(`key revoke ${next["id"]}`)).out).toContain("is revoked since 20");
  });

  test("what the platform refuses is said with the flag's name", async () => {
    const create = "key create --organization new --project first --name x";

    const past = await run(`${create} --expires-at 2020-01-01`);
    expect(past.code).toBe(1);
    expect(past.notes).toStartWith("baseload: --expires-at: ");

    const budget = await run(`${create} --mode test --budget-usd 1`);
    expect(budget.notes).toStartWith("baseload: --budget-usd: ");
    expect((await run("key revoke live0123456789ab")).code).toBe(1);
  });
});

describe("provider", () => {
  let upstream: ReturnType<typeof Bun.serve>;
  beforeAll(() => {
    upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        request.headers.get("authorization") === "Bearer sk-right"
          ? Response.json({ data: [{ id: "qwen" }] })
          : Response.json({ error: { message: "no" } }, { status: 401 }),
    });
  });
  afterAll(() => upstream.stop(true));

  const add = (name: string, variable: string) =>
    `provider add ${name} --dialect openai-chat --base-url http://127.0.0.1:${upstream.port}/v1 ` +
    `--api-key-env ${variable} --region eu --allow-private --quirks usage_lookup`;

  test("provider add reads the key from the environment and never shows it", async () => {
    const options = { variables: { UPSTREAM_KEY: "sk-right", OLD_KEY: "sk-wrong" } };

    expect(await json(add("local", "UPSTREAM_KEY"), options)).toEqual({
      id,
      name: "local",
      dialect: "openai-chat",
      base_url: `http://127.0.0.1:${upstream.port}/v1`,
      region: "eu",
      has_credential: true,
      credentials: ["default"],
      allow_private: true,
      quirks: { usage_lookup: true },
      created_at: time,
      removed_at: null,
    });
    await json(add("outdated", "OLD_KEY"), options);
    const { out } = await run("provider list");
    expect(out).toContain("local");
    expect(out).not.toContain("sk-");
  });

  test("provider test exits with 1 when the provider refuses", async () => {
    expect(await json("provider test local")).toEqual({
      name: "local",
      ok: true,
      status: 200,
      latency_ms: expect.any(Number),
      reason: expect.any(String),
      models: ["qwen"],
    });

    const refused = await run("provider test outdated --json");
    expect(refused.code).toBe(1);
    expect(refused.json()).toMatchObject({ ok: false, status: 401 });
    expect((await run("provider test outdated")).out).toStartWith("outdated: not ok (");
  });

  test("a private address must be allowed by name", async () => {
    const { code, notes } = await run(
      "provider add x --dialect openai-chat --base-url http://127.0.0.1:1/v1",
    );

    expect(code).toBe(1);
    expect(notes).toStartWith("baseload: --base-url: ");
  });

  test("provider remove", async () => {
    await run("model add served --provider local --without-price");
    expect((await run("provider remove local")).code).toBe(1);
    expect((await run("provider remove outdated")).out).toBe("Provider outdated is removed.\n");
  });
});

describe("money", () => {
  let keyId: string;
  let requestId: string;
  beforeAll(async () => {
    const provider = "provider add paid --dialect openai-chat --base-url http://127.0.0.1:9/v1";
    await json(`${provider} --allow-private`);
    await json(
      "model add paid-model --provider paid --input-usd-per-mtok 2 --cached-input-usd-per-mtok 1 --output-usd-per-mtok 3",
    );
    keyId = String((await json("key create --organization payer --project p --name n"))["id"]);
  });

  test("credit add gives {id, …}, once for one idempotency key", async () => {
    const add = "credit add --organization payer --usd 10 --note 'welcome' --idempotency-key k1";

    const credit = await json(add);
    expect(credit).toEqual({
      id,
      organization: "payer",
      usd: "10.00",
      expires_at: null,
      note: "welcome",
      transfer_id: uuid,
    });
    expect(await json(add)).toEqual(credit);
    expect((await run("credit add --organization payer --usd 0")).code).toBe(1);
    expect((await run("credit add --organization pyer --usd 1")).notes).toContain("payer");
  });

  test("wallet gives balance, held, leased, spent and granted as decimal strings", async () => {
    requestId = await postCall(control.database, {
      organization: "payer",
      model: "paid-model",
      keyId,
      startedAt: new Date("2031-03-05T10:00:00Z"),
      costPicos: 370_000_000n,
    });

    expect(await json("wallet --organization payer")).toEqual({
      organization: "payer",
      balance_usd: "9.00",
      held_usd: "0.00",
      leased_usd: "0.99963",
      spent_usd: "0.00037",
      granted_usd: "10.00",
      expired_usd: "0.00",
      budgets: [],
    });
    expect((await run("wallet --organization payer")).out).toBe(
      [
        "payer",
        "  balance     $9.00",
        "  held        $0.00",
        "  leased   $0.99963",
        "  spent    $0.00037",
        "  expired     $0.00",
        "  granted    $10.00",
        "",
      ].join("\n"),
    );
    expect((await run("wallet --organization new")).out).toMatch(
      /key laptop +first +live\w+ +\$5\.00/,
    );
  });

  const totals = {
    calls: 1,
    input_tokens: 120,
    cached_input_tokens: 20,
    output_tokens: 50,
    quantities: { uncached_input: 100, cache_read: 20, output_text: 50 },
    cost_usd: "0.00037",
  };

  test("usage gives totals and rows", async () => {
    expect(await json("usage --organization payer")).toEqual({
      ...totals,
      rows: [{ group: "paid-model", ...totals }],
    });
    expect(
      await json("usage --organization payer --from 2031-03-05 --to 2031-03-06 --group-by day"),
    ).toMatchObject({ rows: [{ group: "2031-03-05", calls: 1 }] });
    expect(await json("usage --organization payer --to 2031-03-05")).toMatchObject({ calls: 0 });
    expect((await run("usage --organization payer --group-by key")).out).toBe(
      [
        "KEY               CALLS  INPUT  CACHED  OUTPUT      COST",
        `${keyId}      1    120      20      50  $0.00037`,
        "total                 1    120      20      50  $0.00037",
        "",
      ].join("\n"),
    );
    expect((await run("usage --organization new")).out).toBe("new made no calls in this time.\n");
  });

  test("call shows the receipt from the tokens to the transfer", async () => {
    const call = await json(`call ${requestId}`);

    expect(call).toMatchObject({
      request_id: requestId,
      organization: "payer",
      project: "p",
      key_id: keyId,
      model: "paid-model",
      input_tokens: 120,
      cost_usd: "0.00037",
      charge_usd: "0.00037",
      balance_usd: "9.99963",
    });
    const { out } = await run(`call ${requestId}`);
    expect(out).toContain("balance left  $9.99963\n");
    expect(out).toMatch(/0 {2}cache read +20\n/);
    expect((await run(`call ${requestId.replace(/^./, "f")}`)).code).toBe(1);
  });

  test("ledger check gives {ok, transfers, entries, problems}", async () => {
    expect(await json("ledger check")).toEqual({
      ok: true,
      transfers: expect.any(Number),
      entries: expect.any(Number),
      problems: [],
    });
    expect((await run("ledger check")).out).toMatch(
      /^The ledger adds up: \d+ transfers, \d+ entries\.\n$/,
    );
  });

  test("status says what is wrong, and exits with 1", async () => {
    const { code, json } = await run("status --json");

    expect(code).toBe(1);
    expect(json()).toMatchObject({
      ok: false,
      version: "0.0.0-test",
      database: { ok: true, latency_ms: expect.any(Number) },
      gateways: [],
      problems: [expect.stringContaining("baseload up")],
    });
    const { out } = await run("status");
    expect(out).toContain("Baseload 0.0.0-test: something is wrong.");
    expect(out).toContain(control.url);
    expect(out).toContain("! No gateway process is running.");
  });
});

describe("who asks", () => {
  test("a wrong token is refused, with what to check", async () => {
    const { code, notes } = await run("status", { variables: { BASELOAD_ADMIN_TOKEN: "wrong" } });

    expect(code).toBe(1);
    expect(notes).toContain("Check --home and BASELOAD_ADMIN_TOKEN.");
    expect(notes).not.toContain(secrets.admin_token);
  });

  test("another server than a control plane is recognised", async () => {
    using other = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("<html>"),
    });

    const { code, notes } = await run(`status --control-url http://127.0.0.1:${other.port}`);

    expect(code).toBe(1);
    expect(notes).toContain("is this the control plane of Baseload?");
  });
});

/** Last: it breaks the ledger. */
test("ledger check exits with 1 and prints the first difference", async () => {
  await control.database.pool.query(
    "update account set credits_nanos = credits_nanos + 5 where kind = 'spent' and credits_nanos > 0",
  );

  const { code, out } = await run("ledger check");
  expect(code).toBe(1);
  expect(out).toStartWith("The ledger does not add up (");
  expect(out.split("\n")[1]).not.toBe("");

  const checked = await run("ledger check --json");
  expect(checked.code).toBe(1);
  expect(checked.json()).toMatchObject({ ok: false });
  expect(checked.json<{ problems: string[] }>().problems.length).toBeGreaterThan(0);
});
