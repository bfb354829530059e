/** The request log: what is in it, of whom, for how long, and who may read it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { setRequestLog } from "../../src/domains/identity/index.ts";
import {
  type LoggedCall,
  type LoggedContent,
  listCalls,
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
    limits: { bodyBytesMax: 1024 * 1024 },
  });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "one", url: upstream.url });
  await stack.model({ name: "m", provider: "one" });
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

/** Resolves when gateways have heard of it: a test that is too early would see what was before. */
async function change(organization: string, wanted: Wanted): Promise<void> {
  const requestLog = { mode: "full" as const, isRedacted: true, ...wanted };
  await setRequestLog(stack.database, { organization, requestLog, actor: "test" });
  await Bun.sleep(SNAPSHOT_MS);
}
const SNAPSHOT_MS = 250;

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
