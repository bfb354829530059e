/** Batches by the real SDK, end to end: upload, create, poll, results; and everything that can be wrong with them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { line, readResults, submit, textOf, untilEnded, uuidOf } from "../support/batches.ts";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

let stack: Stack;

/** A machine that is busy takes its time. */
const START_MS = 30_000;

beforeAll(async () => {
  stack = await startStack();
  await stack.model({
    name: "sim",
    price: { input: "2", output: "4" },
    batchPrice: { input: "1", output: "2" },
  });
  await stack.model({ name: "dear", price: { input: "2", output: "4" } });
}, START_MS);

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const newClient = async (organization: string, options: object = {}) =>
  clientOf(stack, (await stack.key({ organization, ...options })).key);

describe("a batch", () => {
  test("answers every line once, at the price for batches, and says so", async () => {
    const client = await newClient("acme");
    const lines = Array.from({ length: 30 }, (_, i) =>
      line(`line-${i}`, { sandbox: { prompt_tokens: 100, completion_tokens: 10 } }),
    );
    const batch = await submit(client, lines, { metadata: { team: "red" } });
    expect(batch).toMatchObject({
      object: "batch",
      status: "validating",
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
      metadata: { team: "red" },
      output_file_id: null,
      error_file_id: null,
      errors: null,
    } as object);
    expect((batch.expires_at ?? 0) - batch.created_at).toBe(24 * 3_600);

    const ended = await untilEnded(stack, client, batch);
    expect(ended).toMatchObject({
      status: "completed",
      request_counts: { total: 30, completed: 30, failed: 0 },
      error_file_id: null,
      usage: { input_tokens: 3_000, output_tokens: 300, total_tokens: 3_300 },
    } as object);
    const results = await readResults(client, ended.output_file_id);
    expect(results.map(({ custom_id }) => custom_id)).toEqual(
      lines.map(({ custom_id }) => String(custom_id)),
    );
    for (const { response, error } of results) {
      expect(error).toBeNull();
      expect(response?.status_code).toBe(200);
      expect(response?.body["object"]).toBe("chat.completion");
    }
    expect(new Set(results.map(({ id }) => id)).size).toBe(30);

    await stack.untilPosted();
    const requestIds = new Set(results.map(({ response }) => response?.request_id));
    const events = (await stack.events()).filter(({ requestId }) => requestIds.has(requestId));
    expect(events).toHaveLength(30);
    // Half of the standard price.
    for (const { costPicos } of events)
      expect(costPicos).toBe(100n * 1_000_000n + 10n * 2_000_000n);
    expect(await stack.ledger()).toMatchObject({ ok: true });
    const output = await client.files.retrieve(ended.output_file_id ?? "");
    expect(output).toMatchObject({ purpose: "batch_output" } as object);
    expect(output.filename).toEndWith("_output.jsonl");
  });

  test("leaves no rows behind: results are in the files, and nowhere else", async () => {
    const client = await newClient("tidy");
    const batch = await untilEnded(
      stack,
      client,
      await submit(client, [line("a", {}), line("b", {})]),
    );
    expect(batch.status).toBe("completed");
    await stack.untilPosted();
    await until("that nothing is left", async () => {
      const { rows } = await stack.database.pool.query<{ left: number }>(
        "select (select count(*) from batch_line) + (select count(*) from kept_answer where state = 'kept') as left",
      );
      return Number(rows[0]?.left) === 0;
    });
  });

  test("puts what cannot be answered into the error file, as the client would have got it", async () => {
    const client = await newClient("mixed");
    const batch = await submit(client, [
      line("good", { sandbox: { answer: "fine" } }),
      line("no-model", { model: "nobody" }),
      line("no-messages", { messages: [] }),
      line("stream", { stream: true }),
      line("refused", {
        sandbox: { error: { status: 400, code: "context_length_exceeded", message: "too long" } },
      }),
      line("dear", { model: "dear" }),
      line("last", { sandbox: { answer: "fine, too" } }),
    ]);
    const ended = await untilEnded(stack, client, batch);
    expect(ended).toMatchObject({
      status: "completed",
      request_counts: { total: 7, completed: 2, failed: 5 },
    });
    const output = await readResults(client, ended.output_file_id);
    expect(output.map((result) => [result.custom_id, textOf(result)])).toEqual([
      ["good", "fine"],
      ["last", "fine, too"],
    ]);
    const errors = await readResults(client, ended.error_file_id);
    expect(
      errors.map(({ custom_id, response, error }) => {
        const body = response?.body["error"] as { code: string } | undefined;
        return [custom_id, response?.status_code, body?.code, error];
      }),
    ).toEqual([
      ["no-model", 404, "model_not_found", null],
      ["no-messages", 400, "invalid_field", null],
      ["stream", 400, "stream_not_supported", null],
      ["refused", 400, "context_length_exceeded", null],
      // Without a price for batches nothing is answered for free, nor at another price.
      ["dear", 403, "no_price", null],
    ]);
    expect(JSON.stringify(errors)).toContain("has no price for the service tier 'batch'");
  });

  test("tries again what may pass", async () => {
    const client = await newClient("patient");
    const failing = (status: number) => ({
      sandbox: { error: { status, message: "now and then" } },
    });
    const batch = await submit(client, [line("a", failing(503)), line("b", {})]);
    await until("that the other line is answered", async () => {
      const { request_counts: counts } = await client.batches.retrieve(batch.id);
      return counts?.completed === 1;
    });
    const { rows } = await stack.database.pool.query<{ run: number; state: string }>(
      "select run, state from batch_line where custom_id = '\"a\"'",
    );
    expect(rows).toHaveLength(1);
    await client.batches.cancel(batch.id);
    const ended = await untilEnded(stack, client, batch);
    expect(ended).toMatchObject({
      status: "cancelled",
      request_counts: { total: 2, completed: 1, failed: 1 },
    });
    const [error] = await readResults(client, ended.error_file_id);
    expect(error).toMatchObject({
      custom_id: "a",
      response: null,
      error: { code: "batch_cancelled" },
    });
  });

  test("of a key of mode test reaches the sandbox and costs nothing", async () => {
    const client = await newClient("tester", { mode: "test" });
    const batch = await submit(client, [
      line("a", { model: "sandbox-echo" }),
      line("b", { model: "dear" }),
    ]);
    const ended = await untilEnded(stack, client, batch);
    expect(ended.request_counts).toEqual({ total: 2, completed: 2, failed: 0 });
    const results = await readResults(client, ended.output_file_id);
    expect(results.map(textOf)).toEqual(["Hello a", "Hello b"]);
    expect(await stack.wallet("tester")).toMatchObject({ spentNanos: 0n });
  });

  test("of Anthropic's Messages", async () => {
    const client = await newClient("anthropic");
    const body = { model: "sim", max_tokens: 20, messages: [{ role: "user", content: "Bonjour" }] };
    const batch = await submit(
      client,
      [
        { custom_id: "m", method: "POST", url: "/v1/messages", body },
        { custom_id: "e", method: "POST", url: "/v1/messages", body: { ...body, model: "nobody" } },
      ],
      { endpoint: "/v1/messages" as "/v1/responses" },
    );
    const ended = await untilEnded(stack, client, batch);
    const [answered] = await readResults(client, ended.output_file_id);
    expect(answered?.response?.body).toMatchObject({ type: "message", role: "assistant" });
    const [refused] = await readResults(client, ended.error_file_id);
    expect(refused?.response?.body).toMatchObject({
      type: "error",
      error: { type: "not_found_error" },
    });
  });

  test("of responses and of embeddings", async () => {
    await stack.model({
      name: "embed",
      upstream: "sandbox-embedding",
      price: { input: "2", output: "4" },
      batchPrice: { input: "1", output: "2" },
    });
    const client = await newClient("several");
    const cases = [
      ["/v1/responses", { model: "sim", input: "Say hi", background: true }, "response"],
      ["/v1/embeddings", { model: "embed", input: ["one", "two"] }, "list"],
    ] as const;
    for (const [url, body, object] of cases) {
      const batch = await submit(client, [{ custom_id: "a", method: "POST", url, body }], {
        endpoint: url,
      });
      const ended = await untilEnded(stack, client, batch);
      expect(ended.request_counts).toEqual({ total: 1, completed: 1, failed: 0 });
      const [answered] = await readResults(client, ended.output_file_id);
      expect(answered?.response?.body).toMatchObject({ object });
    }
    await stack.untilPosted();
    expect(await stack.ledger()).toMatchObject({ ok: true });
  });

  test("whose wallet is empty refuses its lines one by one, and cuts none short", async () => {
    // One answer costs $0.0027 at most, and $0.00101 in the end: there is enough for one at once, and for two.
    const client = await newClient("poor", { creditUsd: "0.004" });
    const body = { max_tokens: 1_000, sandbox: { prompt_tokens: 10, completion_tokens: 500 } };
    const batch = await submit(
      client,
      Array.from({ length: 4 }, (_, i) => line(`p${i}`, body)),
    );
    const ended = await untilEnded(stack, client, batch);
    const results = await readResults(client, ended.output_file_id);
    const errors = await readResults(client, ended.error_file_id);
    expect(results.length + errors.length).toBe(4);
    expect(results.length).toBe(2);
    for (const { response } of results) {
      expect(response?.body["usage"]).toMatchObject({ completion_tokens: 500 });
    }
    for (const { response } of errors) {
      expect(response).toMatchObject({
        status_code: 402,
        body: { error: { code: "insufficient_quota" } },
      });
    }
    await stack.untilPosted();
    const { spentNanos } = await stack.wallet("poor");
    expect(spentNanos).toBe((BigInt(results.length) * 1_010_000n) as typeof spentNanos);
  });
});

test("an organization with one line does not wait for one with many", async () => {
  const [big, small] = [await newClient("big"), await newClient("small")];
  const slow = { sandbox: { answer: "slowly", first_token_delay_ms: 100 } };
  const many = Array.from({ length: 200 }, (_, i) => line(`b${i}`, slow));
  const first = await submit(big, many);
  await until("that it has begun", async () => {
    const { request_counts: counts } = await big.batches.retrieve(first.id);
    return (counts?.completed ?? 0) > 0;
  });
  await untilEnded(stack, small, await submit(small, [line("s", slow)]));
  expect((await big.batches.retrieve(first.id)).status).toBe("in_progress");
  await big.batches.cancel(first.id);
  await untilEnded(stack, big, first);
});

describe("cancelling", () => {
  test("lets what is under way come to its end, and sends nothing more", async () => {
    const client = await newClient("canceller");
    const slow = { sandbox: { answer: "slowly", first_token_delay_ms: 300 } };
    const batch = await submit(
      client,
      Array.from({ length: 40 }, (_, i) => line(`c${i}`, slow)),
    );
    await until("that it is in progress", async () => {
      const { rows } = await stack.database.pool.query<{ sent: number }>(
        "select count(*)::int as sent from batch_line where state = 'sent' and batch_id = $1",
        [uuidOf(batch.id)],
      );
      return (rows[0]?.sent ?? 0) > 0;
    });
    const cancelling = await client.batches.cancel(batch.id);
    expect(cancelling.status).toBe("cancelling");
    expect(cancelling.cancelling_at).toBeNumber();
    expect((await client.batches.cancel(batch.id)).id).toBe(batch.id);

    const ended = await untilEnded(stack, client, batch);
    expect(ended.status).toBe("cancelled");
    const results = await readResults(client, ended.output_file_id);
    const errors = await readResults(client, ended.error_file_id);
    expect(results.length).toBeGreaterThan(0);
    expect(results.length).toBeLessThan(40);
    expect(ended.request_counts).toEqual({
      total: 40,
      completed: results.length,
      failed: errors.length,
    });
    const ids = [...results, ...errors].map(({ custom_id }) => custom_id);
    expect(new Set(ids).size).toBe(40);
    for (const { error, response } of errors) {
      expect(response).toBeNull();
      expect(error?.code).toBe("batch_cancelled");
    }
    const refused = await failureOf(client.batches.cancel(batch.id));
    expect(refused).toMatchObject({ status: 409, code: "batch_not_cancellable" });
  });

  test("a batch that has expired has an error line for everything that was not sent", async () => {
    const client = await newClient("late");
    await stack.stopWorker();
    const batch = await submit(client, [line("x", {}), line("y", {})]);
    await stack.database.pool.query("update batch set expires_at = now() where batch_id = $1", [
      uuidOf(batch.id),
    ]);
    await stack.startWorker();
    const ended = await untilEnded(stack, client, batch);
    expect(ended).toMatchObject({ status: "expired", output_file_id: null } as object);
    const errors = await readResults(client, ended.error_file_id);
    expect(errors.map(({ custom_id, error }) => [custom_id, error?.code])).toEqual([
      ["x", "batch_expired"],
      ["y", "batch_expired"],
    ]);
  });

  test("a revoked key ends what is done on its behalf", async () => {
    const { key, keyId } = await stack.key({ organization: "revoked" });
    const client = clientOf(stack, key);
    const other = await newClient("revoked");
    await stack.stopWorker();
    const batch = await submit(client, [line("x", {})]);
    await stack.database.pool.query("update api_key set revoked_at = now() where key_id = $1", [
      keyId,
    ]);
    await stack.database.pool.query("select pg_notify('baseload_changed', '')");
    await until("that the key is refused", async () => {
      const answer = await stack.chat(key, { model: "sim", messages: [] });
      return answer.status === 401;
    });
    await stack.startWorker();
    const ended = await untilEnded(stack, other, batch);
    const [error] = await readResults(other, ended.error_file_id);
    expect(error?.response).toMatchObject({
      status_code: 401,
      body: { error: { code: "key_revoked" } },
    });
  });
});
