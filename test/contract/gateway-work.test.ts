/** Calls on behalf of jobs, over a gateway's private socket: who may make them, and that they are charged if and only if kept. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { addJob, beginKept, runRequestId, settleRun } from "../../src/domains/jobs/index.ts";
import { Gateways, type PrivateAnswer } from "../../src/worker/jobs/gateways.ts";
import { settleLost } from "../../src/worker/jobs/run-call.ts";
import { INTERNAL_TOKEN, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

/** A machine that is busy takes its time. */
const START_MS = 30_000;
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const jobId = Bun.randomUUIDv7();
let stack: Stack;
let gateways: Gateways;
let keyId: string;
let key: string;
let organizationId: bigint;
let calls = 0;

beforeAll(async () => {
  stack = await startStack({
    isDatabaseCuttable: true,
    limits: { batchYieldsAt: 2 },
    // The worker meets the database that is away, too.
    expectedErrors: /^a journal could not be posted/,
  });
  await stack.model({ name: "sim", batchPrice: { input: "1", output: "2" } });
  ({ key, keyId } = await stack.key({ organization: "acme" }));
  gateways = new Gateways({
    runFolder: join(stack.home, "run"),
    internalToken: INTERNAL_TOKEN,
    clock,
  });
  // A job that the stack's own worker does not run, because it looks for files elsewhere.
  const { rows } = await stack.database.pool.query<{ organization_id: bigint }>(
    "select organization_id from organization",
  );
  organizationId = rows[0]?.organization_id ?? 0n;
  await stack.database.transact((client) =>
    addJob(client, {
      ...{ jobId, kind: "batch", organizationId, keyId, payload: {} },
      fileStoreId: Bun.randomUUIDv7(),
    }),
  );
  await stack.database.pool.query(
    "update job set state = 'running', worker_id = gen_random_uuid(), heartbeat_at = now() + interval '1 hour'",
  );
}, START_MS);

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

function newCall(sandbox: object = {}, more: object = {}) {
  calls += 1;
  const requestId = runRequestId({ jobId, number: calls, run: 1 });
  const body = {
    model: "sim",
    max_tokens: 50,
    messages: [{ role: "user", content: "Hi" }],
    sandbox,
  };
  return {
    ...{ requestId, jobId, keyId, serviceTier: "batch" as const },
    path: "/v1/chat/completions",
    body: JSON.stringify(body),
    ...more,
  };
}

const ten = { prompt_tokens: 10, completion_tokens: 10 };

const stateOf = async (requestId: string) =>
  (await settleRun(stack.database, { requestId, jobId, organizationId, isGivenUp: false })).state;

async function eventsOf(requestId: string) {
  await stack.untilPosted();
  return await stack.events({ requestId });
}

async function servedOf(requestId: string) {
  const { attempts } = await stack.served();
  return attempts.filter(({ id }) => id.startsWith(requestId.slice(0, -1)));
}

/** Under way at the upstream. */
const untilServed = (requestId: string) =>
  until("that the upstream works", async () => (await servedOf(requestId)).length > 0);

describe("who may call", () => {
  test("nobody but this user reaches the socket", () => {
    expect(statSync(join(stack.home, "run")).mode & 0o777).toBe(0o700);
  });

  test("whoever does not know the internal token is refused", async () => {
    const stranger = new Gateways({
      runFolder: join(stack.home, "run"),
      internalToken: "guess",
      clock,
    });
    const call = newCall();
    expect(await stranger.call(call)).toMatchObject({ outcome: "refused", status: 401 });
    expect(await stateOf(call.requestId)).toBe("unknown");
  });

  test("the public port knows neither the routes nor the headers", async () => {
    const call = newCall(ten);
    const headers = {
      "x-baseload-request": call.requestId,
      "x-baseload-job": jobId,
      "x-baseload-key": keyId,
      "x-baseload-service-tier": "batch",
    };
    const url = `http://127.0.0.1:${stack.port}`;
    const remove = await fetch(`${url}/runs/${call.requestId}`, { method: "DELETE", headers });
    expect(remove.status).toBe(404);
    const bare = await fetch(url + call.path, { method: "POST", headers, body: call.body });
    expect(bare.status).toBe(401);
    const asked = await fetch(url + call.path, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${key}` },
      body: call.body,
    });
    expect(asked.status).toBe(200);
    expect(asked.headers.get("x-request-id")).not.toBe(call.requestId);
    expect(await stateOf(call.requestId)).toBe("unknown");
  });

  const wrong: readonly [what: string, more: object][] = [
    ["a request id that is none", { requestId: "019f0a46-c1e7-7d2a-9b1f-3c5d7e9f1a21" }],
    ["a job id that is none", { jobId: "x" }],
    ["a key that there is not", { keyId: "live0000none0000" }],
    ["a service tier that is none", { serviceTier: "gold" }],
  ];
  for (const [what, more] of wrong) {
    test(`${what} is refused`, async () => {
      const answer = await gateways.call(newCall(ten, more));
      expect(answer).toMatchObject({ outcome: "refused" });
      expect([400, 401]).toContain((answer as { status: number }).status);
    });
  }
});

describe("an answer", () => {
  test("is kept, and charged at the tier that was asked for", async () => {
    const call = newCall(ten);
    expect(await gateways.call(call)).toEqual({ outcome: "kept" });
    expect(await stateOf(call.requestId)).toBe("kept");
    const [event, ...others] = await eventsOf(call.requestId);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      outcome: "completed",
      costPicos: 10n * 1_000_000n + 10n * 2_000_000n,
    });
  });

  test("is asked for once, however often it is sent", async () => {
    const call = newCall({ ...ten, first_token_delay_ms: 100 });
    const answers = await Promise.all(Array.from({ length: 4 }, () => gateways.call(call)));
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(["kept", "lost", "lost", "lost"]);
    expect(await servedOf(call.requestId)).toHaveLength(1);
    expect(await eventsOf(call.requestId)).toHaveLength(1);
  });

  test("that the provider refuses is not kept and not charged", async () => {
    const call = newCall({ error: { status: 400, code: "nope", message: "no" } });
    expect(await gateways.call(call)).toMatchObject({
      outcome: "refused",
      status: 400,
      code: "nope",
    });
    await until("that the run is void", async () => (await stateOf(call.requestId)) === "void");
    const events = await eventsOf(call.requestId);
    expect(events.map(({ costPicos }) => costPicos)).toEqual([0n]);
  });

  test("for which nobody waits any more is kept all the same", async () => {
    const call = newCall({ ...ten, first_token_delay_ms: 300 });
    const stop = new AbortController();
    const asked = fetch(`http://gateway${call.path}`, {
      ...{ method: "POST", body: call.body, signal: stop.signal, keepalive: false },
      unix: join(stack.home, "run", `gateway-${stack.gateways[0]?.gatewayId}.sock`),
      headers: {
        authorization: `Bearer ${INTERNAL_TOKEN}`,
        "x-baseload-request": call.requestId,
        "x-baseload-job": jobId,
        "x-baseload-key": keyId,
        "x-baseload-service-tier": "batch",
      },
    } as BunFetchRequestInit);
    asked.catch(() => undefined);
    await untilServed(call.requestId);
    stop.abort();
    const { signal } = new AbortController();
    const calling = { database: stack.database, gateways, clock, signal };
    const run = { requestId: call.requestId, jobId, organizationId };
    expect(await settleLost(calling, run)).toEqual({ outcome: "kept" });
    expect(await eventsOf(call.requestId)).toMatchObject([{ outcome: "completed" }]);
  });

  test("that somebody cancels is neither kept nor charged, though the provider has begun", async () => {
    const call = newCall({ ...ten, first_token_delay_ms: 2_000 });
    const asked = gateways.call(call);
    await untilServed(call.requestId);
    await gateways.cancel(call.requestId);
    expect(await asked).toMatchObject({ outcome: "refused" });
    await until("that the run is void", async () => (await stateOf(call.requestId)) === "void");
    const events = await eventsOf(call.requestId);
    expect(events).toMatchObject([{ source: "none", costPicos: 0n, chargeNanos: 0n }]);
  });

  test("that was given up while the provider worked is not charged", async () => {
    const call = newCall({ ...ten, first_token_delay_ms: 300 });
    const asked = gateways.call(call);
    await untilServed(call.requestId);
    await settleRun(stack.database, { ...call, organizationId, isGivenUp: true });
    expect(await asked).toMatchObject({ outcome: "refused", code: "run_given_up" });
    expect(await eventsOf(call.requestId)).toMatchObject([{ source: "none", costPicos: 0n }]);
  });

  test("that its gateway does not work on any more, and has not said so, is not waited for", async () => {
    const { requestId } = newCall();
    const gatewayId = stack.gateways[0]?.gatewayId ?? "";
    await beginKept(stack.database, { requestId, jobId, gatewayId, organizationId });
    const { signal } = new AbortController();
    const calling = { database: stack.database, gateways, clock, signal };
    const settled = await settleLost(calling, { requestId, jobId, organizationId });
    expect(settled).toEqual({ outcome: "void" });
  });

  test("that fails while the database is away ends when it is back", async () => {
    const call = newCall({ ...ten, first_token_delay_ms: 200, cut_after_tokens: 1 });
    const asked = gateways.call(call);
    await untilServed(call.requestId);
    await stack.proxy.refuse();
    expect(await asked).toMatchObject({ outcome: "refused", status: 502 });
    await stack.proxy.resume();
    await until("that the run is void", async () => (await stateOf(call.requestId)) === "void");
  });

  test("waits to be kept while the database is away", async () => {
    const call = newCall({ ...ten, first_token_delay_ms: 200 });
    const asked = gateways.call(call);
    await untilServed(call.requestId);
    await stack.proxy.refuse();
    let answer: PrivateAnswer | undefined;
    void asked.then((found) => {
      answer = found;
    });
    await until("that it tries", () =>
      stack.logged.some(({ message }) => String(message).includes("cannot be kept yet")),
    );
    expect(answer).toBeUndefined();
    await stack.proxy.resume();
    expect(await asked).toEqual({ outcome: "kept" });
    expect(await eventsOf(call.requestId)).toMatchObject([{ outcome: "completed" }]);
  });
});

test("interactive calls come first: a busy process takes no lines, but responses in the background", async () => {
  const slow = { model: "sim", messages: [], sandbox: { first_token_delay_ms: 600 } };
  const body = { ...slow, messages: [{ role: "user", content: "Hi" }] };
  const interactive = [stack.chat(key, body), stack.chat(key, body)];
  let answer: PrivateAnswer = { outcome: "unreached" };
  await until("that a line is refused", async () => {
    answer = await gateways.call(newCall(ten));
    return answer.outcome === "refused";
  });
  expect(answer).toMatchObject({ status: 503, code: "gateway_busy", retryAfterMs: 1_000 });
  expect(await gateways.call(newCall(ten, { serviceTier: "standard" }))).toEqual({
    outcome: "kept",
  });
  await Promise.all(interactive);
  expect(await gateways.call(newCall(ten))).toEqual({ outcome: "kept" });
});

test("the ledger adds up", async () => {
  await stack.untilPosted();
  expect(await stack.ledger()).toMatchObject({ ok: true });
});
