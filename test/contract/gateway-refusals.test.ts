/** What a caller gets who asks wrongly, may not ask, or cannot pay: a 4xx in OpenAI's shape that says what to do. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { revokeKey } from "../../src/domains/identity/index.ts";
import { generateKey } from "../../src/domains/identity/keys.ts";
import { readWallet, type WalletBalances } from "../../src/domains/ledger/index.ts";
import { callRaw } from "../support/raw-client.ts";
import { type Answered, type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const BODY_BYTES_MAX = 64 * 1024;
const BODY_TIMEOUT_MS = 1_500;

let stack: Stack;
let key: CreatedKey;

beforeAll(async () => {
  stack = await startStack({
    gateways: 2,
    limits: {
      ...{ bodyBytesMax: BODY_BYTES_MAX, jsonDepthMax: 16, messagesMax: 20 },
      bodyTimeoutMs: BODY_TIMEOUT_MS,
    },
    lease: { idleMs: 200 },
    isDatabaseCuttable: true,
  });
  await stack.model({ name: "sim", price: { input: "1", output: "2" } });
  await stack.model({ name: "sim-large", price: { input: "10", output: "20" } });
  await stack.model({ name: "unpriced", price: null });
  key = await stack.key();
});
afterEach(() => stack.assertNoErrors());
afterAll(() => stack[Symbol.asyncDispose]());

const messages = [{ role: "user", content: "Hello." }];
const good = { model: "sim", messages };

type Refusal = { status: number; code?: string; param?: string; says?: RegExp };

/** Every error has OpenAI's shape, an id, and a sentence. */
function expectRefused(answered: Answered, { status, code, param, says }: Refusal): void {
  const { error = {} } = answered.body as { error?: Record<string, unknown> };
  const told = { status: answered.status, code: error["code"], param: error["param"] };
  expect(told).toMatchObject({ status, ...(code && { code }), ...(param && { param }) });
  expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
  expect(String(error["message"])).toMatch(/^[A-Z'].*[.?…]$/s);
  if (says !== undefined) expect(String(error["message"])).toMatch(says);
  expect(answered.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  expect(answered.headers.get("content-type")).toStartWith("application/json");
}

async function expectNothingHappened(before: { calls: number; events: number }): Promise<void> {
  await stack.untilPosted();
  expect((await stack.served()).calls).toBe(before.calls);
  expect(await stack.events()).toHaveLength(before.events);
}

async function countSoFar() {
  await stack.untilPosted();
  return { calls: (await stack.served()).calls, events: (await stack.events()).length };
}

describe("a body that cannot be read", () => {
  const notJson = { status: 400, code: "invalid_json" };
  const cases: readonly [name: string, body: string | Uint8Array, refusal: Refusal][] = [
    ["nothing", "", notJson],
    ["half an object", '{"model":"sim","messages":[', notJson],
    ["a comma too many", '{"model":"sim",}', notJson],
    ["single quotes", "{'model':'sim'}", notJson],
    ["null", "null", { ...notJson, says: /object/ }],
    ["a list", "[1]", { ...notJson, says: /object/ }],
    ["a text", '"sim"', { ...notJson, says: /object/ }],
    [
      "bytes that are no UTF-8",
      Buffer.from([...Buffer.from('{"model":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
      { ...notJson, says: /UTF-8/ },
    ],
    [
      "objects nested too deep",
      `{"metadata":${'{"a":'.repeat(20)}1${"}".repeat(20)}}`,
      { status: 400, code: "too_deep", says: /16 levels/ },
    ],
    [
      "lists nested far too deep",
      `{"metadata":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
      { status: 400, code: "too_deep" },
    ],
    ["a million unclosed brackets", "[".repeat(BODY_BYTES_MAX), { status: 400, code: "too_deep" }],
  ];
  for (const [name, body, refusal] of cases) {
    test(name, async () => {
      const before = await countSoFar();
      expectRefused(await stack.chat(key.key, body), refusal);
      await expectNothingHappened(before);
    });
  }

  test("brackets inside of texts are not depth", async () => {
    const content = `${"[{".repeat(500)}\\"${'"'.repeat(3)}`;
    const answered = await stack.chat(key.key, { ...good, messages: [{ role: "user", content }] });

    expect(answered.status).toBe(200);
  });
});

describe("a body that is too large", () => {
  const refusal = { status: 413, code: "body_too_large", says: /65536 bytes/ };
  const bodyOf = (bytes: number) =>
    JSON.stringify({ ...good, padding: "x".repeat(bytes - JSON.stringify(good).length - 13) });

  const inChunks = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, at + 16_384));
        at += 16_384;
      },
    });
  };

  test("is taken up to the limit", async () => {
    const text = bodyOf(BODY_BYTES_MAX);

    expect(Buffer.byteLength(text)).toBe(BODY_BYTES_MAX);
    expect((await stack.chat(key.key, text)).status).toBe(200);
    expect((await stack.chat(key.key, inChunks(text))).status).toBe(200);
  });

  for (const bytes of [BODY_BYTES_MAX + 1, 4 * BODY_BYTES_MAX, 8 * 1024 * 1024]) {
    test(`${bytes} bytes, declared and in chunks`, async () => {
      const before = await countSoFar();
      const text = bodyOf(bytes);
      expectRefused(await stack.chat(key.key, text), refusal);
      expectRefused(await stack.chat(key.key, inChunks(text)), refusal);
      await expectNothingHappened(before);
    });
  }

  test("or does not come to its end: the client is told, and not waited for", async () => {
    const { received } = await callRaw({
      ...{ port: stack.port, key: key.key, body: good },
      declaredBytes: 10_000,
      leave: (text) => text.endsWith("}}"),
    });

    expect(received).toStartWith("HTTP/1.1 408 ");
    expect(received).toContain('"code":"body_timeout"');
  });

  test("leaves the gateway in good health", async () => {
    expect((await stack.chat(key.key, good)).status).toBe(200);
  });
});

describe("a field that is wrong", () => {
  const cases: readonly [param: string, body: Record<string, unknown>][] = [
    ["model", { messages }],
    ["model", { ...good, model: "" }],
    ["model", { ...good, model: 5 }],
    ["model", { ...good, model: "m".repeat(300) }],
    ["messages", { model: "sim" }],
    ["messages", { ...good, messages: [] }],
    ["messages", { ...good, messages: { role: "user" } }],
    ["messages", { ...good, messages: Array(21).fill(messages[0]) }],
    ["messages[0]", { ...good, messages: ["Hello."] }],
    ["messages[1].role", { ...good, messages: [messages[0], { content: "x" }] }],
    ["messages[0].content", { ...good, messages: [{ role: "user", content: 5 }] }],
    ["messages[0].content[0].type", { ...good, messages: [{ role: "user", content: [{}] }] }],
    ["max_tokens", { ...good, max_tokens: "many" }],
    ["max_tokens", { ...good, max_tokens: 0 }],
    ["max_tokens", { ...good, max_tokens: 1.5 }],
    ["max_completion_tokens", { ...good, max_completion_tokens: -1 }],
    ["max_completion_tokens", { ...good, max_completion_tokens: 1e15 }],
    ["n", { ...good, n: 0 }],
    ["n", { ...good, n: 1_000 }],
    ["stream", { ...good, stream: "yes" }],
    ["stream_options", { ...good, stream_options: { include_usage: true } }],
    [
      "stream_options.include_usage",
      { ...good, stream: true, stream_options: { include_usage: 1 } },
    ],
    ["temperature", { ...good, temperature: 3 }],
    ["top_p", { ...good, top_p: "high" }],
    ["stop", { ...good, stop: 5 }],
    ["tools", { ...good, tools: {} }],
    ["tools[0].type", { ...good, tools: [{}] }],
    ["response_format", { ...good, response_format: "json" }],
    ["logprobs", { ...good, logprobs: "yes" }],
  ];
  for (const [param, body] of cases) {
    test(`${param} in ${JSON.stringify(body).slice(0, 90)}`, async () => {
      const answered = await stack.chat(key.key, body);

      expectRefused(answered, { status: 400, param });
    });
  }
});

describe("a name that does not exist", () => {
  test("of a model: the nearest are told", async () => {
    const answered = await stack.chat(key.key, { ...good, model: "sim-larg" });

    expectRefused(answered, {
      status: 404,
      code: "model_not_found",
      param: "model",
      says: /'sim-larg'.*Did you mean.*sim-large/,
    });
  });

  test("of a path: those that exist are told", async () => {
    for (const [method, path] of [
      ["POST", "/completions"],
      ["GET", "/files/a/b"],
    ] as const) {
      const response = await fetch(stack.url + path, { method });
      const text = await response.text();
      const body = JSON.parse(text) as Record<string, unknown>;
      const answered = { status: response.status, headers: response.headers, text, body };
      expectRefused(answered, {
        status: 404,
        code: "unknown_url",
        says: /\/v1\/chat\/completions/,
      });
    }
  });
});

test("a path that exists, asked with another method, tells the right one", async () => {
  for (const [method, path, allow] of [
    ["GET", "/chat/completions", "POST"],
    ["DELETE", "/models", "GET"],
    ["PUT", "/files/file-x", "GET, DELETE"],
    ["POST", "/models/vendor/model", "GET"],
    ["GET", "/messages", "POST"],
  ] as const) {
    const response = await fetch(stack.url + path, { method });
    expect(response.status).toBe(path === "/messages" ? 404 : 405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.text()).toContain(`Use ${allow.replace(", ", " or ")}.`);
  }
});

describe("a key that is not good", () => {
  const readsOfKeys = () =>
    stack.proxy.statements.filter((text) => /from api_key/i.test(text)).length;

  test("junk is refused without a question to the database", async () => {
    const { key: wellFormed } = generateKey("live");
    const junk = [
      "",
      "junk",
      "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
      `${wellFormed}x`,
      `${wellFormed.slice(0, -1)}${wellFormed.endsWith("0") ? "1" : "0"}`,
      wellFormed.replace("bl_live", "bl_test"),
      wellFormed.toUpperCase(),
      "x".repeat(8_000),
    ];
    await stack.chat(key.key, good);
    const readsBefore = readsOfKeys();
    for (let round = 0; round < 25; round++) {
      const answers = await Promise.all(junk.map((text) => stack.chat(text, good)));
      for (const answered of answers) {
        expectRefused(answered, { status: 401, code: "invalid_api_key" });
      }
    }
    const reads = readsOfKeys() - readsBefore;

    // Each of the two gateways reads all keys again every few seconds, junk or no junk.
    expect(reads).toBeLessThanOrEqual(2);
  });

  test("one that could be real makes the gateway look again, but not once for each", async () => {
    const readsBefore = readsOfKeys();
    const startMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => stack.chat(generateKey("live").key, good)),
    );
    const intervals = (performance.now() - startMs) / 250 + 1;

    for (const answered of answers) {
      expectRefused(answered, { status: 401, code: "invalid_api_key", says: /not known/ });
    }
    expect(readsOfKeys() - readsBefore).toBeLessThanOrEqual(2 * (intervals + 2));
  });

  test("none at all", async () => {
    const response = await fetch(`${stack.url}/chat/completions`, { method: "POST", body: "{}" });
    const body = (await response.json()) as Record<string, unknown>;

    expectRefused(
      { status: response.status, headers: response.headers, text: "", body },
      { status: 401, code: "missing_api_key", says: /Authorization: Bearer/ },
    );
  });

  test("the id of a key with the secret of another one", async () => {
    const other = await stack.key({ creditUsd: null });
    const [, id] = key.key.split("_");
    const forged = other.key.replace(/^bl_[a-z0-9]+/, `bl_${id}`);

    expectRefused(await stack.chat(forged, good), { status: 401, code: "invalid_api_key" });
  });

  test("expired", async () => {
    const expired = await stack.key({ creditUsd: null, expiresAt: new Date(1_700_000_000_000) });

    expectRefused(await stack.chat(expired.key, good), { status: 401, code: "key_expired" });
  });

  test("revoked: refused within moments, by every gateway", async () => {
    const revoked = await stack.key({ creditUsd: null });
    expect((await stack.chat(revoked.key, good)).status).toBe(200);
    await revokeKey(stack.database, { keyId: revoked.keyId, actor: "test" });
    // Twelve connections reach both gateways.
    const answers = await until("that all gateways refuse the key", async () => {
      const all = await Promise.all(
        Array.from({ length: 12 }, () => stack.chat(revoked.key, good)),
      );
      return all.every(({ status }) => status === 401) ? all : undefined;
    });

    for (const answered of answers) {
      expectRefused(answered, { status: 401, code: "key_revoked", says: /revoked/ });
    }
  });
});

describe("a call that cannot be paid", () => {
  const walletOf = async (table: "project" | "api_key", name: string): Promise<WalletBalances> => {
    const column = table === "project" ? "name" : "key_id";
    const { rows } = await stack.database.pool.query<{ wallet_id: bigint }>(
      `select wallet_id from ${table} where ${column} = $1`,
      [name],
    );
    return await readWallet(stack.database, rows[0]?.wallet_id ?? 0n);
  };

  test("from an empty wallet: 402, and how to fill it", async () => {
    const poor = await stack.key({ organization: "poor", creditUsd: null });
    const before = await countSoFar();
    const answered = await stack.chat(poor.key, good);

    expectRefused(answered, {
      status: 402,
      code: "insufficient_quota",
      says: /'poor'.*\$0\.00 left.*baseload credit add --organization poor/,
    });
    await expectNothingHappened(before);

    await stack.credit("poor", "1.00");
    // A refusal stands for some milliseconds, so that a flood of calls does not become one of questions.
    await until("that the new credit is found", async () => {
      return (await stack.chat(poor.key, good)).status === 200;
    });
  });

  test("of a model without a price: refused, and how to set one", async () => {
    const answered = await stack.chat(key.key, { ...good, model: "unpriced" });

    expectRefused(answered, {
      status: 403,
      code: "no_price",
      param: "model",
      says: /baseload price set unpriced/,
    });
  });

  test("with a low balance: the output limit is lowered to what it pays for, and said", async () => {
    // Input is held at no more than its bytes and a template, so that this pays for a part of 1,000 tokens.
    const low = await stack.key({ organization: "low", creditUsd: "0.0015" });
    const answered = await stack.chat(low.key, {
      ...good,
      sandbox: { prompt_tokens: 10, completion_tokens: 1_000 },
    });
    const lowered = Number(answered.headers.get("x-baseload-lowered-max-tokens"));
    await stack.untilPosted();
    const [event] = await stack.events({ keyId: low.keyId });

    expect(answered.status).toBe(200);
    expect(lowered).toBeWithin(16, 1_000);
    expect(event).toMatchObject({ outputTokens: lowered, uncoveredPicos: 0n });
    expect(answered.body["choices"]).toMatchObject([{ finish_reason: "length" }]);

    const streamed = await stack.chat(low.key, {
      ...good,
      max_tokens: 20,
      stream: true,
    });
    expect(streamed.status).toBe(402);
  });

  test("from a budget of the key: refused, and no other wallet is touched", async () => {
    const budgeted = await stack.key({ organization: "frugal", budgetUsd: "0.0007" });
    const first = await stack.chat(budgeted.key, { ...good, max_tokens: 20 });
    await stack.untilPosted();
    const second = await stack.chat(budgeted.key, { ...good, model: "sim-large" });
    await stack.untilIdle();
    const [event] = await stack.events({ keyId: budgeted.keyId });
    const organization = await stack.wallet("frugal");
    const budget = await walletOf("api_key", budgeted.keyId);

    expect(first.status).toBe(200);
    expectRefused(second, {
      status: 402,
      code: "insufficient_quota",
      says: /budget of this key or its project/,
    });
    expect(await stack.events({ keyId: budgeted.keyId })).toHaveLength(1);
    expect(budget.spentNanos).toBe(event?.chargeNanos as never);
    expect(organization.spentNanos).toBe(budget.spentNanos);
    expect(organization.availableNanos + organization.spentNanos).toBe(organization.grantedNanos);
    expect(budget.availableNanos + budget.spentNanos).toBe(budget.grantedNanos);
  });

  test("from a budget of the project, by all its keys together", async () => {
    await stack.key({ organization: "shared", project: "other" });
    await stack.project({ organization: "shared", name: "capped", budgetUsd: "0.004" });
    const keys = [
      await stack.key({ organization: "shared", project: "capped" }),
      await stack.key({ organization: "shared", project: "capped", budgetUsd: "5.00" }),
    ];
    const call = async (number: number) => {
      const body = { ...good, max_tokens: 16, sandbox: { prompt_tokens: 200 } };
      return (await stack.chat(keys[number % 2]?.key ?? "", body)).status;
    };
    const statuses = await Promise.all(Array.from({ length: 40 }, (_, number) => call(number)));
    for (let number = 0; (await call(number)) === 200; number++) expect(number).toBeLessThan(40);
    await stack.untilIdle();
    const organization = await stack.wallet("shared");
    const project = await walletOf("project", "capped");
    const ownBudget = await walletOf("api_key", keys[1]?.keyId ?? "");
    const events = await stack.events({ keyId: keys[1]?.keyId ?? "" });

    expect([...new Set(statuses)].sort()).toEqual([200, 402]);
    expect(project.spentNanos).toBe(organization.spentNanos);
    expect(project.spentNanos).toBeLessThanOrEqual(project.grantedNanos);
    // Less is left than one more such call needs: its bytes, a template and 16 tokens.
    expect(project.availableNanos).toBeLessThan(700_000n);
    expect(ownBudget.spentNanos).toBe(
      events.reduce((all, { chargeNanos }) => all + chargeNanos, 0n) as never,
    );
    expect((await stack.ledger()).problems).toEqual([]);
  });
});

describe("a limit per minute, over all gateways", () => {
  /** The counters begin anew with each minute, so the minute must not end in the middle of a test. */
  const untilMinuteHasRoom = () =>
    until("that the minute has some seconds left", () => Date.now() % 60_000 < 52_000, {
      deadlineMs: 12_000,
    });

  test("of requests: no more are let in, and it is said when to come back", async () => {
    const limited = await stack.key({ rpm: 5 });
    await untilMinuteHasRoom();
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => stack.chat(limited.key, good)),
    );
    const refused = answers.filter(({ status }) => status !== 200);

    expect(answers.length - refused.length).toBe(5);
    for (const answered of refused) {
      expectRefused(answered, {
        status: 429,
        code: "rate_limit_exceeded",
        says: /5 requests per minute/,
      });
      expect(Number(answered.headers.get("retry-after"))).toBeWithin(1, 61);
    }
  });

  test("of tokens: counted as they become known", async () => {
    const limited = await stack.key({ tpm: 300 });
    await untilMinuteHasRoom();
    const script = { sandbox: { prompt_tokens: 100, completion_tokens: 60 } };
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      statuses.push((await stack.chat(limited.key, { ...good, ...script })).status);
    }
    const refused = await stack.chat(limited.key, good);

    // 160 and 320 tokens are behind the first two calls.
    expect(statuses).toEqual([200, 200, 429, 429]);
    expectRefused(refused, { status: 429, code: "rate_limit_exceeded", says: /300 tokens/ });
  });
});
