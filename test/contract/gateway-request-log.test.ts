/** The request log: what is in it, of whom, for how long, and who may read it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { setCache, setRequestLog } from "../../src/domains/identity/index.ts";
import {
  type LoggedCall,
  type LoggedContent,
  listCalls,
  purgeCalls,
  readLoggedCall,
} from "../../src/domains/request-log/index.ts";
import {
  chunk,
  completion,
  DONE,
  lastChunk,
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
  usageChunk,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, sealKey, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const SECRET = "sk-proj-Ab12Cd34Ef56Gh78Ij90Kl";

let stack: Stack;
let upstream: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack({
    isDatabaseCuttable: true,
    expectedErrors: /journal could not be posted/,
    limits: { bodyBytesMax: 1024 * 1024 },
  });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "one", url: upstream.url });
  await stack.model({ name: "m", provider: "one" });
  probe = await stack.key({ organization: "probe" });
  upstream.answer = ({ body }) => {
    if (body["stream"] !== true) {
      return Response.json(completion("Write to jo@example.com.", wireUsage(10, 5)));
    }
    // An address that no single piece contains.
    const pieces = ["Write to jo", "@exam", "ple.com", "."].map((content) => chunk({ content }));
    return sseResponse([...pieces, lastChunk(), usageChunk(wireUsage(10, 5)), DONE]);
  };
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

type Wanted = Partial<Parameters<typeof setRequestLog>[1]["requestLog"]>;

/** An organization of its own for each test, whose log is on in the gateway. */
async function logging(organization: string, wanted: Wanted): Promise<CreatedKey> {
  const key = await stack.key({ organization });
  await change(organization, wanted);
  return key;
}

async function change(organization: string, wanted: Wanted): Promise<void> {
  const requestLog = { mode: "full" as const, isRedacted: true, ...wanted };
  await setRequestLog(stack.database, { organization, requestLog, actor: "test" });
  await untilHeard();
}

let probe: CreatedKey;
let isProbeCaching = false;

/** A test that is too early would see what was before: another change after it shows that the gateway has heard of it. */
async function untilHeard(): Promise<void> {
  isProbeCaching = !isProbeCaching;
  const ttlSeconds = isProbeCaching ? 60 : null;
  await setCache(stack.database, { organization: probe.organization, ttlSeconds, actor: "test" });
  await until("that the gateway has heard of it", async () => {
    const { headers } = await ask(probe);
    return headers.has("x-baseload-cache") === isProbeCaching;
  });
}

const ask = ({ key }: CreatedKey, more: Record<string, unknown> = {}) =>
  stack.chat(key, {
    model: "m",
    messages: [{ role: "user", content: `My key is ${SECRET}.` }],
    ...more,
  });
const idOf = ({ headers }: { headers: Headers }) => headers.get("x-request-id") ?? "";

async function organizationIdOf(name: string): Promise<bigint> {
  const { rows } = await stack.database.pool.query<{ organization_id: bigint }>(
    "select organization_id from organization where name = $1",
    [name],
  );
  return rows[0]?.organization_id ?? 0n;
}

async function callsOf(organization: string): Promise<LoggedCall[]> {
  const organizationId = await organizationIdOf(organization);
  return (await listCalls(stack.database, { organizationId, limit: 1_000 })).rows;
}

async function read(requestId: string): Promise<LoggedContent | undefined> {
  const options = { requestId, sealKey, actor: "test" };
  let found: Awaited<ReturnType<typeof readLoggedCall>>;
  await until("that the call is logged", async () => {
    found = await readLoggedCall(stack.database, options);
    return found !== undefined;
  });
  return found?.content;
}

describe("the full log", () => {
  test("has what was asked and answered, redacted, whole and streamed", async () => {
    const key = await logging("full", {});
    const whole = await ask(key);
    const streamed = await ask(key, { stream: true });
    const content = await read(idOf(whole));
    const joined = (await read(idOf(streamed)))?.response as {
      texts: Record<string, string>;
    };

    expect(whole.text).toContain("jo@example.com");
    expect(content).toMatchObject({
      request: { model: "m", messages: [{ content: "My key is [api key]." }] },
      response: { choices: [{ message: { content: "Write to [e-mail]." } }] },
      ...{ isRequestCut: false, isResponseCut: false, isRedacted: true },
    });
    expect(joined.texts).toEqual({ "choices[0].delta.content": "Write to [e-mail]." });
    expect(await callsOf("full")).toMatchObject([
      { requestId: idOf(streamed), metadata: { status: 200, stream: true, called: "m" } },
      { requestId: idOf(whole), metadata: { provider: "one", input_tokens: 10 } },
    ]);
  });

  test("is sealed: neither prompts nor answers can be read in the database", async () => {
    const key = await logging("sealed", { isRedacted: false });
    const requestId = idOf(await ask(key));
    const content = await read(requestId);
    const { rows } = await stack.database.pool.query<{ content: Buffer; line: string }>(
      "select content, metadata::text as line from request_log where request_id = $1",
      [requestId],
    );

    expect(JSON.stringify(content)).toContain(SECRET);
    expect(rows[0]?.content.includes(SECRET)).toBe(false);
    expect(rows[0]?.line).not.toContain("example.com");
  });

  test("has errors as they were answered", async () => {
    const key = await logging("errors", {});
    const refused = await ask(key, { model: "nothing-like-it" });
    const invalid = await ask(key, { messages: "no list" });

    expect(await read(idOf(refused))).toMatchObject({
      response: { error: { code: "model_not_found" } },
    });
    expect(await read(idOf(invalid))).toMatchObject({ request: { messages: "no list" } });
  });

  test("is cut where a side is too long, and a secret is not cut in half", async () => {
    const key = await logging("long", {});
    const begin = JSON.stringify({ model: "m", messages: [{ role: "user", content: "" }] });
    // The secret begins just before the end of what is kept.
    const content = `${" ".repeat(256 * 1024 - begin.length)}${SECRET} ${" ".repeat(50_000)}`;
    const requestId = idOf(await ask(key, { messages: [{ role: "user", content }] }));
    const { request, isRequestCut } = (await read(requestId)) ?? {};

    expect(isRequestCut).toBe(true);
    expect(request).toBeString();
    expect(String(request).length).toBeLessThanOrEqual(256 * 1024);
    expect(String(request)).not.toContain(SECRET.slice(0, 8));
  });
});

describe("who is logged, and for how long", () => {
  test("metadata alone has nothing of what was said, and off is nothing at all", async () => {
    const key = await logging("metadata", { mode: "metadata" });
    const requestId = idOf(await ask(key));
    expect(await read(requestId)).toBeUndefined();
    await change("metadata", { mode: "off" });
    await ask(key);
    // Calls of others are written in order: when this one is there, that one would be.
    const other = await logging("beside", {});
    await read(idOf(await ask(other)));

    expect(await callsOf("metadata")).toMatchObject([{ requestId, hasContent: false }]);
  });

  test("of a sample only that share, and of none nothing", async () => {
    const key = await logging("sample", { sample: 0.5 });
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
    const other = await logging("after the sample", {});
    await read(idOf(await ask(other)));
    const { length } = await callsOf("sample");

    // Ten standard deviations to either side of the middle.
    expect(length).toBeWithin(10, 91);
  });

  test("what is older than its organization's days is deleted, and nothing else", async () => {
    const key = await logging("days", { days: 7 });
    const [old, young] = [idOf(await ask(key)), idOf(await ask(key))];
    await Promise.all([read(old), read(young)]);
    const age = (requestId: string, days: string) =>
      stack.database.pool.query(
        "update request_log set at = now() - $2::interval where request_id = $1",
        [requestId, days],
      );
    await age(young, "6 days 23 hours");
    await age(old, "7 days 1 minute");
    await until("that the old one is gone", async () => (await callsOf("days")).length === 1);

    expect(await callsOf("days")).toMatchObject([{ requestId: young }]);
  });

  test("a purge deletes all of one organization, and who purged is known", async () => {
    const [key, other] = [await logging("purged", {}), await logging("not purged", {})];
    for (const one of [key, key, other]) await read(idOf(await ask(one)));
    const organizationId = await organizationIdOf("purged");
    const options = { organizationId, organization: "purged", actor: "ops" };

    expect(await purgeCalls(stack.database, options)).toBe(2);
    expect(await callsOf("purged")).toEqual([]);
    expect(await callsOf("not purged")).toHaveLength(1);
    expect(await eventsOf("request_log.purge")).toMatchObject([
      { actor: "ops", subject: "purged" },
    ]);
  });

  test("who reads content is in the audit log; who looks at metadata is not", async () => {
    const key = await logging("audited", {});
    const requestId = idOf(await ask(key));
    await until("that it is logged", async () => (await callsOf("audited")).length === 1);
    const before = await eventsOf("request_log.read");
    await read(requestId);
    const after = await eventsOf("request_log.read");

    expect(before.filter(({ subject }) => subject === requestId)).toEqual([]);
    expect(after.filter(({ subject }) => subject === requestId)).toMatchObject([
      { actor: "test", detail: { organization: "audited" } },
    ]);
  });
});

async function eventsOf(action: string) {
  const { rows } = await stack.database.pool.query<Record<string, unknown>>(
    "select actor, subject, detail from audit_event where action = $1",
    [action],
  );
  return rows;
}

test("while the database is away calls are answered, and logged when it is back", async () => {
  const key = await logging("away", {});
  await ask(key);
  await stack.proxy.refuse();
  const answered = await Promise.all([ask(key), ask(key)]);
  await Bun.sleep(700);
  await stack.proxy.resume();

  expect(answered.map(({ status }) => status)).toEqual([200, 200]);
  await until("that all are logged", async () => (await callsOf("away")).length === 3);
});

test("pages lead through all calls, newest first, and can be narrowed", async () => {
  const key = await logging("pages", { mode: "metadata" });
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push(idOf(await ask(key, i === 2 ? { model: "none" } : {})));
  await until("that all are logged", async () => (await callsOf("pages")).length === 5);
  const organizationId = await organizationIdOf("pages");
  const seen: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listCalls(stack.database, { organizationId, limit: 2, after });
    seen.push(...page.rows.map(({ requestId }) => requestId));
    if (page.nextAfter === null) break;
    after = page.nextAfter;
  }
  const refused = await listCalls(stack.database, { organizationId, limit: 9, status: 404 });
  const none = await listCalls(stack.database, { organizationId, limit: 9, to: new Date(0) });

  expect(seen.toSorted()).toEqual(ids.toSorted());
  expect(refused.rows.map(({ requestId }) => requestId)).toEqual([ids[2] ?? ""]);
  expect(none.rows).toEqual([]);
});
