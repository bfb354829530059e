/** Zero retention: whatever is called, however it ends, nothing of what was said is found afterwards. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setCache, setRequestLog, setZeroRetention } from "../../src/domains/identity/index.ts";
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
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

/** Of nothing else in this repository. */
const MARKER = "quietly-7c1d93-nobody";
const organization = "discreet";

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;

beforeAll(async () => {
  stack = await startStack({ telemetry: { accessLog: undefined } });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "one", url: upstream.url });
  await stack.model({ name: "m", provider: "one" });
  key = await stack.key({ organization });
  const actor = "test";
  // Everything that could be kept is asked for, and forbidden.
  await setCache(stack.database, { organization, ttlSeconds: 60, actor });
  const requestLog = { mode: "full" as const, isRedacted: false };
  await setRequestLog(stack.database, { organization, requestLog, actor });
  await setZeroRetention(stack.database, { organization, isOn: true, actor });
  await until("that the gateway has heard of it", async () => {
    return (await post("/conversations", {})).status === 403;
  });
  upstream.answer = ({ body }) => {
    const said = `You said ${MARKER}.`;
    if (JSON.stringify(body).includes("fail")) {
      return Response.json({ error: { message: said, type: "x" } }, { status: 500 });
    }
    if (body["stream"] !== true) return Response.json(completion(said, wireUsage(10, 5)));
    const begin = chunk({ content: said });
    if (JSON.stringify(body).includes("break")) return sseResponse([begin], "late reset");
    return sseResponse([begin, lastChunk(), usageChunk(wireUsage(10, 5)), DONE]);
  };
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

async function post(path: string, body: unknown, by = key) {
  const response = await fetch(`${stack.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${by.key}` },
    body: body instanceof FormData ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const chat = (more: object = {}) =>
  post("/chat/completions", {
    model: "m",
    messages: [{ role: "user", content: `Say ${MARKER}` }],
    ...more,
  });
const respond = (more: object = {}, by = key) =>
  post("/responses", { model: "m", input: `Say ${MARKER}`, ...more }, by);

/** Every file under the home, the journal included. */
async function filesWithMarker(): Promise<string[]> {
  const names = await readdir(stack.home, { recursive: true, withFileTypes: true });
  const paths = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  expect(paths.length).toBeGreaterThan(0);
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  return paths.filter((_, index) => contents[index]?.includes(MARKER));
}

/** Every table, each row as text; bytes as what they are. */
async function tablesWithMarker(): Promise<string[]> {
  const { pool } = stack.database;
  const { rows: tables } = await pool.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  expect(tables.length).toBeGreaterThan(15);
  const hex = Buffer.from(MARKER).toString("hex");
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await pool.query(
      `select 1 from "${name}" t where t::text like $1 or t::text like $2 limit 1`,
      [`%${MARKER}%`, `%${hex}%`],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

/** Gateways write a moment later what they would write. */
const SETTLED_MS = 1_200;

test("calls of every kind leave no byte of what was said, in no file and in no table", async () => {
  const streamed = await chat({ stream: true });
  const answered = [
    await chat(),
    await chat(),
    await respond(),
    await respond({ stream: true, store: true }),
    await post("/messages", {
      ...{ model: "m", max_tokens: 50 },
      messages: [{ role: "user", content: MARKER }],
    }),
  ];
  const failed = [
    await chat({ user: "fail" }),
    await chat({ temperature: MARKER }),
    await chat({ model: `m-${MARKER.length}` }),
  ];
  const broken = await chat({ stream: true, user: "break" });
  await Bun.sleep(SETTLED_MS);

  expect(streamed.text).toContain(MARKER);
  expect(broken.text).toContain(MARKER);
  for (const { status, text } of answered) {
    expect(status).toBe(200);
    expect(text).toContain(MARKER);
  }
  expect(failed.map(({ status }) => status)).toEqual([502, 400, 404]);
  // The cache would have been asked.
  expect(answered.map(({ headers }) => headers.get("x-baseload-cache"))).toEqual(
    Array(5).fill(null),
  );
  expect(await filesWithMarker()).toEqual([]);
  expect(await tablesWithMarker()).toEqual([]);
  expect(JSON.stringify(stack.logged)).not.toContain(MARKER);
});

test("what only works by keeping it is refused, and says so", async () => {
  const { text } = await respond();
  const { id, store } = JSON.parse(text) as { id: string; store: boolean };
  const form = new FormData();
  form.set("purpose", "user_data");
  form.set("file", new File([MARKER], "notes.txt"));
  const refused = [
    await respond({ background: true }),
    await respond({ previous_response_id: id }),
    await respond({ conversation: "conv_00000000000000000000000000000000" }),
    await respond({ input: [{ type: "item_reference", id: "msg_1" }] }),
    await post("/conversations", { items: [{ role: "user", content: MARKER }] }),
    await post("/files", form),
    await post("/batches", {
      ...{ input_file_id: "file-1", endpoint: "/v1/chat/completions" },
      completion_window: "24h",
    }),
  ];
  const shown = await fetch(`${stack.url}/responses/${id}`, {
    headers: { authorization: `Bearer ${key.key}` },
  });
  await Bun.sleep(SETTLED_MS);

  expect(store).toBe(false);
  for (const { status, text: said } of refused) {
    expect(status).toBe(403);
    expect(JSON.parse(said)).toMatchObject({ error: { code: "zero_retention" } });
  }
  expect(shown.status).toBe(404);
  expect(await filesWithMarker()).toEqual([]);
  expect(await tablesWithMarker()).toEqual([]);
});

test("and the search would have found it", async () => {
  const other = await stack.key({ organization: "open" });
  await respond({}, other);
  appendFileSync(join(stack.home, "planted.txt"), MARKER);

  await until("that it is stored", async () => {
    return (await tablesWithMarker()).includes("stored_response");
  });
  expect(await filesWithMarker()).toEqual([join(stack.home, "planted.txt")]);
});
