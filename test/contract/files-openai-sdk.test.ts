/** Files by the real SDK: up, listed, down, gone; and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { failureOf } from "../support/openai-client.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let acme: OpenAI;
let globex: OpenAI;

const clientOf = (key: string) =>
  new OpenAI({ apiKey: key, baseURL: stack.url, maxRetries: 0, timeout: 20_000 });

/** A machine that is busy takes its time. */
const START_MS = 30_000;

beforeAll(async () => {
  stack = await startStack();
  acme = clientOf((await stack.key({ organization: "acme" })).key);
  globex = clientOf((await stack.key({ organization: "globex" })).key);
}, START_MS);

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const upload = (client: OpenAI, text: string | Uint8Array, name = "input.jsonl") =>
  toFile(typeof text === "string" ? Buffer.from(text) : text, name).then((file) =>
    client.files.create({ file, purpose: "batch" }),
  );

/** Names of all files on the disk, but for the folder's own. */
const onDisk = (): string[] =>
  readdirSync(join(stack.home, "files"), { recursive: true })
    .map(String)
    .filter((name) => name.includes("file-"));

describe("a file", () => {
  test("comes back as it was, whole and in ranges", async () => {
    const bytes = Uint8Array.from({ length: 700_001 }, (_, i) => (i * 31 + (i >> 8)) % 256);
    const file = await upload(acme, bytes, 'ünïcode "q".bin');

    expect(file).toMatchObject({
      object: "file",
      bytes: bytes.length,
      filename: 'ünïcode "q".bin',
      purpose: "batch",
      status: "processed",
    });
    // Inputs of batches expire after 30 days unless something else is said.
    expect((file.expires_at ?? 0) - file.created_at).toBe(30 * 24 * 3_600);
    const content = await acme.files.content(file.id);
    expect(content.headers.get("content-type")).toBe("application/octet-stream");
    expect(content.headers.get("content-disposition")).toStartWith("attachment");
    expect(content.headers.get("etag")).toBe(
      `"${createHash("sha256").update(bytes).digest("hex")}"`,
    );
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    for (const [range, first, last] of [
      ["bytes=5-9", 5, 10],
      ["bytes=700000-", 700_000, 700_001],
      ["bytes=-3", 699_998, 700_001],
      ["bytes=699999-999999999", 699_999, 700_001],
    ] as const) {
      const part = await acme.files.content(file.id, { headers: { range } });
      expect(part.status).toBe(206);
      expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(first, last))).toBe(true);
    }
    const beyond = acme.files.content(file.id, { headers: { range: "bytes=700001-" } });
    expect(await failureOf(beyond)).toMatchObject({ status: 416 });
  });

  test("is listed in both orders, page by page, and by purpose", async () => {
    const client = clientOf((await stack.key({ organization: "lister" })).key);
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await upload(client, `${i}`)).id);
    const other = await client.files.create({
      file: await toFile(Buffer.from("x"), "x.txt"),
      purpose: "user_data",
    });

    const newest: string[] = [];
    for await (const file of client.files.list({ limit: 2 })) newest.push(file.id);
    expect(newest).toEqual([other.id, ...made.toReversed()]);
    const oldest: string[] = [];
    for await (const file of client.files.list({ order: "asc", purpose: "batch" })) {
      oldest.push(file.id);
    }
    expect(oldest).toEqual(made);
    expect(other.expires_at).toBeUndefined();
    expect(await failureOf(client.files.list({ limit: 10_001 }))).toMatchObject({ param: "limit" });
  });

  test("is gone when it was deleted, bytes and all", async () => {
    const file = await upload(acme, "to be deleted");
    expect(onDisk().some((name) => name.endsWith(file.id))).toBe(true);
    expect(await acme.files.delete(file.id)).toEqual({
      id: file.id,
      object: "file",
      deleted: true,
    });
    expect(await failureOf(acme.files.retrieve(file.id))).toMatchObject({ status: 404 });
    expect(await failureOf(acme.files.content(file.id))).toMatchObject({ status: 404 });
    expect(await failureOf(acme.files.delete(file.id))).toMatchObject({ status: 404 });
    expect(onDisk().some((name) => name.endsWith(file.id))).toBe(false);
  });

  test("expires when it was told to", async () => {
    const file = await acme.files.create({
      file: await toFile(Buffer.from("soon"), "soon.txt"),
      purpose: "user_data",
      expires_after: { anchor: "created_at", seconds: 3_600 },
    });
    expect((file.expires_at ?? 0) - file.created_at).toBe(3_600);
    await stack.database.pool.query("update file set expires_at = now() where file_id = $1", [
      file.id,
    ]);
    expect(await failureOf(acme.files.retrieve(file.id))).toMatchObject({ status: 404 });
    const path = join(stack.home, "files", file.id.slice(-2), file.id);
    expect(existsSync(path)).toBe(true);
    // The worker looks every 30 seconds; one that starts anew looks at once.
    await stack.stopWorker();
    await stack.startWorker();
    await until("that its bytes are gone", () => !existsSync(path));
  });
});

describe("another organization, and another project", () => {
  test("neither sees the file nor can it touch it", async () => {
    const file = await upload(acme, "secret");
    const sibling = clientOf(
      (await stack.key({ organization: "acme", project: "other", creditUsd: null })).key,
    );
    for (const stranger of [globex, sibling]) {
      expect(await failureOf(stranger.files.retrieve(file.id))).toMatchObject({ status: 404 });
      expect(await failureOf(stranger.files.content(file.id))).toMatchObject({ status: 404 });
      expect(await failureOf(stranger.files.delete(file.id))).toMatchObject({ status: 404 });
      const listed = await stranger.files.list();
      expect(listed.data.map(({ id }) => id)).not.toContain(file.id);
    }
    expect(await (await acme.files.content(file.id)).text()).toBe("secret");
  });
});

describe("what is refused leaves nothing behind", () => {
  const post = async (key: string, body: FormData | string, headers: Record<string, string> = {}) =>
    await fetch(`${stack.url}/files`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${key}`, ...headers },
    });

  const formOf = (fields: Record<string, string | Blob>): FormData => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    return form;
  };
  const file = new File(["x"], "x.txt");

  const cases: readonly [what: string, form: () => FormData, message: string][] = [
    ["no purpose", () => formOf({ file }), "'purpose'"],
    ["a purpose that is none", () => formOf({ purpose: "fun", file }), "'purpose' must be one of"],
    ["a purpose of ours", () => formOf({ file, purpose: "batch_output" }), "'purpose' must be one"],
    ["no file", () => formOf({ purpose: "batch" }), "no part 'file'"],
    ["a file without a name", () => formOf({ purpose: "batch", file: "text" }), "needs a filename"],
    [
      "a time that is none",
      () =>
        formOf({
          purpose: "batch",
          "expires_after[anchor]": "created_at",
          "expires_after[seconds]": "1",
          file,
        }),
      "'expires_after'",
    ],
    [
      "more than a file may have",
      () => formOf({ purpose: "batch", file: new File([new Uint8Array(1024 * 1024 + 1)], "x") }),
      "at most 1048576 bytes",
    ],
  ];
  for (const [what, form, message] of cases) {
    test(what, async () => {
      const { key } = await stack.key({ organization: "refused" });
      const answer = await post(key, form());
      const { error } = (await answer.json()) as { error: { message: string } };
      expect([400, 413]).toContain(answer.status);
      expect(error.message).toContain(message);
      const { rows } = await stack.database.pool.query(
        "select from file join organization using (organization_id) where organization.name = 'refused'",
      );
      expect(rows).toHaveLength(0);
    });
  }

  test("what is no form", async () => {
    const { key } = await stack.key({ organization: "refused" });
    const answer = await post(key, "{}", { "content-type": "application/json" });
    expect(answer.status).toBe(400);
  });

  test("no key", async () => {
    const answer = await fetch(`${stack.url}/files`, { method: "POST", body: formOf({ file }) });
    expect(answer.status).toBe(401);
  });

  test("more than the quota of the organization, whoever uploads at once", async () => {
    const { key } = await stack.key({ organization: "full" });
    const client = clientOf(key);
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, () => upload(client, new Uint8Array(1_000_000))),
    );
    const stored = results.filter(({ status }) => status === "fulfilled").length;
    // The quota is 8 MiB, and while they arrive they count with all that their requests may bring.
    expect(stored).toBeGreaterThanOrEqual(7);
    expect(stored).toBeLessThanOrEqual(8);
    const refused = results.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ status: 413, code: "file_quota_exceeded" });
    const [first] = (await client.files.list()).data;
    await client.files.delete(first?.id ?? "");
    await upload(client, new Uint8Array(100_000));
  });

  test("a client that leaves in the middle", async () => {
    const { key } = await stack.key({ organization: "leaver" });
    const stop = new AbortController();
    const boundary = '--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\n';
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from(boundary));
        controller.enqueue(new Uint8Array(100_000));
      },
    });
    const sending = fetch(`${stack.url}/files`, {
      method: "POST",
      body,
      signal: stop.signal,
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "multipart/form-data; boundary=b",
      },
    });
    sending.catch(() => undefined);
    const count = async () => {
      const { rows } = await stack.database.pool.query<{ files: number }>(
        "select count(*)::int as files from file join organization using (organization_id) where organization.name = 'leaver'",
      );
      return rows[0]?.files ?? 0;
    };
    await until("that the upload has begun", async () => (await count()) === 1);
    stop.abort();
    await until("that it is forgotten", async () => (await count()) === 0);
  });
});
