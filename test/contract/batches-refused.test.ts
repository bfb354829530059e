/** What cannot be a batch, and whose batches are whose. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { toFile } from "openai";
import { type Line, line, submit, toJsonl, untilEnded } from "../support/batches.ts";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack;

/** A machine that is busy takes its time. */
const START_MS = 30_000;

beforeAll(async () => {
  stack = await startStack();
  await stack.model({ name: "sim", batchPrice: { input: "1", output: "2" } });
}, START_MS);

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const newClient = async (organization: string, options: object = {}) =>
  clientOf(stack, (await stack.key({ organization, ...options })).key);

describe("an input that is wrong fails the batch, and costs nothing", () => {
  const good = line("a", {});
  const cases: readonly [what: string, lines: readonly (Line | string)[], errors: unknown[]][] = [
    ["nothing", [], [{ code: "empty_file", line: null }]],
    ["only empty lines", ["", "  ", ""].map((text) => text.trim()), [{ code: "empty_file" }]],
    ["a line that is no JSON", [good, "{oops"], [{ code: "invalid_json_line", line: 2 }]],
    ["a line that is no object", [good, "[]"], [{ code: "invalid_json_line", line: 2 }]],
    [
      "an id that is used twice",
      [good, "", line("a", {})],
      [{ code: "duplicate_custom_id", line: 3, param: "custom_id" }],
    ],
    [
      "missing parts",
      [line("a", {}, { custom_id: undefined }), line("b", {}, { body: undefined })],
      [
        { code: "missing_required_parameter", line: 1, param: "custom_id" },
        { code: "missing_required_parameter", line: 2, param: "body" },
      ],
    ],
    ["another method", [line("a", {}, { method: "GET" })], [{ code: "invalid_method", line: 1 }]],
    [
      "another url",
      [line("a", {}, { url: "/v1/embeddings" })],
      [{ code: "mismatched_url", line: 1, param: "url" }],
    ],
    ["a body that is none", [line("a", {}, { body: "text" })], [{ code: "invalid_body", line: 1 }]],
  ];
  for (const [what, lines, errors] of cases) {
    test(what, async () => {
      const client = await newClient("wrong");
      const ended = await untilEnded(stack, client, await submit(client, lines));
      expect(ended).toMatchObject({ status: "failed", output_file_id: null } as object);
      expect(ended.errors?.object).toBe("list");
      expect(ended.errors?.data).toMatchObject(errors);
      expect(ended.errors?.data).toHaveLength(errors.length);
      expect(ended.failed_at).toBeNumber();
      // The input is free again.
      await client.files.delete(ended.input_file_id);
    });
  }
});

describe("a batch that cannot be", () => {
  const refusalOf = async (body: object): Promise<unknown> => {
    const client = await newClient("refused");
    return await failureOf(client.batches.create(body as OpenAI.BatchCreateParams));
  };
  const usual = { endpoint: "/v1/chat/completions", completion_window: "24h" };

  test("without a file, or with that of somebody else", async () => {
    const stranger = await newClient("stranger");
    const file = await toFile(Buffer.from(toJsonl([line("a", {})])), "x.jsonl");
    const { id } = await stranger.files.create({ file, purpose: "batch" });
    for (const input_file_id of ["file-none", "file-\u0000", id]) {
      expect(await refusalOf({ ...usual, input_file_id })).toMatchObject({
        status: 400,
        param: "input_file_id",
        code: "file_not_found",
      });
    }
  });

  test("with a file for something else", async () => {
    const client = await newClient("refused");
    const file = await toFile(Buffer.from("x"), "x.jsonl");
    const { id } = await client.files.create({ file, purpose: "user_data" });
    expect(await refusalOf({ ...usual, input_file_id: id })).toMatchObject({
      status: 400,
      code: "invalid_file_purpose",
    });
  });

  test("for an endpoint or a window that there is not", async () => {
    const input_file_id = "file-x";
    const wrong = [
      { ...usual, input_file_id, endpoint: "/v1/audio/speech" },
      { ...usual, input_file_id, completion_window: "1h" },
      { ...usual, input_file_id, metadata: { a: 1 } },
    ];
    for (const [i, param] of ["endpoint", "completion_window", "metadata.a"].entries()) {
      expect(await refusalOf(wrong[i] ?? {})).toMatchObject({ status: 400, param });
    }
  });

  test("an input cannot be deleted while its batch needs it", async () => {
    const client = await newClient("holder");
    await stack.stopWorker();
    const batch = await submit(client, [line("a", {})]);
    const refused = await failureOf(client.files.delete(batch.input_file_id));
    expect(refused).toMatchObject({ status: 409, code: "file_in_use" });
    expect(refused.message).toContain(batch.id);
    await stack.startWorker();
    await untilEnded(stack, client, batch);
    await client.files.delete(batch.input_file_id);
  });
});

describe("tenants", () => {
  test("see and cancel their own batches only, page by page", async () => {
    const acme = await newClient("tenant-a");
    const globex = await newClient("tenant-b");
    const sibling = await newClient("tenant-a", { project: "other", creditUsd: null });
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await submit(acme, [line(`t${i}`, {})])).id);
    for (const stranger of [globex, sibling]) {
      for (const id of made) {
        expect(await failureOf(stranger.batches.retrieve(id))).toMatchObject({ status: 404 });
        expect(await failureOf(stranger.batches.cancel(id))).toMatchObject({ status: 404 });
      }
      expect((await stranger.batches.list()).data).toEqual([]);
    }
    const listed: string[] = [];
    for await (const { id } of acme.batches.list({ limit: 2 })) listed.push(id);
    expect(listed).toEqual(made.toReversed());
    expect(await failureOf(acme.batches.retrieve("batch_nonsense"))).toMatchObject({ status: 404 });
    for (const id of made) await untilEnded(stack, acme, { id });
  });
});
