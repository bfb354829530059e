/**
 * PostgreSQL goes away under running gateways and a running worker: calls are served while leases last, then
 * refused with 503, and when it is back everything that was served is on the ledger.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { type Answered, type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

/** Leases can be spent for this long without a word from the database. */
const USABLE_MS = 2_000;

const open: Stack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack[Symbol.asyncDispose]();
});

async function startCuttable(): Promise<{ stack: Stack; key: CreatedKey }> {
  const stack = await startStack({
    gateways: 2,
    isDatabaseCuttable: true,
    lease: { ttlMs: USABLE_MS + 500, marginMs: 500 },
    // Said once for each journal, and not again until it has gone well.
    expectedErrors: /^a journal could not be posted; trying again$/,
  });
  open.push(stack);
  await stack.model({ name: "sim" });
  return { stack, key: await stack.key() };
}

const body = {
  model: "sim",
  messages: [{ role: "user", content: "Hello." }],
  max_tokens: 50,
  sandbox: { prompt_tokens: 20, completion_tokens: 10 },
};

type Caller = { stack: Stack; key: CreatedKey };

const callMany = ({ stack, key }: Caller, calls: number): Promise<Answered[]> =>
  Promise.all(Array.from({ length: calls }, () => stack.chat(key.key, body)));

/** Few at a time, as what is leased without a word from the database holds. */
async function callGently(caller: Caller, rounds: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let round = 0; round < rounds; round++) {
    statuses.push(...(await callMany(caller, 2)).map(({ status }) => status));
  }
  return statuses;
}

const errorIn = (answered: Answered) => answered.body["error"] as Record<string, unknown>;

/** Both gateways have a lease: each has answered some of these. */
async function warmUp(one: { stack: Stack; key: CreatedKey }): Promise<void> {
  const answers = await until("that both gateways have leases", async () => {
    const answered = await callMany(one, 20);
    const { rows } = await one.stack.database.pool.query<{ gateways: bigint }>(
      "select count(distinct gateway_id) as gateways from lease where state = 'open'",
    );
    return rows[0]?.gateways === 2n ? answered : undefined;
  });
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  await one.stack.untilPosted();
}

async function expectNothingLost(stack: Stack): Promise<void> {
  await stack.untilPosted();
  const { completion_tokens, prompt_tokens, calls } = await stack.served();
  const events = await stack.events();
  const sum = (name: "inputTokens" | "outputTokens") =>
    events.reduce((all, event) => all + event[name], 0);

  expect([sum("inputTokens"), sum("outputTokens")]).toEqual([prompt_tokens, completion_tokens]);
  expect(events).toHaveLength(calls);
  expect((await stack.ledger()).problems).toEqual([]);
}

describe("a database that is down", () => {
  test("is not needed while leases last; then calls get 503, and afterwards nothing is missing", async () => {
    const one = await startCuttable();
    const { stack, key } = one;
    const testKey = await stack.key({ mode: "test" });
    const other = await stack.key({ organization: "without-a-lease" });
    await warmUp(one);
    const postedBefore = await stack.events();
    await stack.proxy.refuse();

    expect(await callGently(one, 15)).toEqual(Array(30).fill(200));
    expect(await stack.events()).toHaveLength(postedBefore.length);

    // A wallet of which nothing is leased: nothing is known to be wrong with it, so it is no 402.
    const unleased = await stack.chat(other.key, body);
    expect(unleased.status).toBe(503);

    const refused = await until(
      "that the leases have run out in both gateways",
      async () => {
        const answers = await callMany(one, 12);
        expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
        return answers.every(({ status }) => status === 503) ? answers : undefined;
      },
      { deadlineMs: USABLE_MS + 8_000 },
    );
    for (const answered of refused) {
      expect(errorIn(answered)["type"]).toBe("overloaded_error");
      expect(Number(answered.headers.get("retry-after"))).toBeWithin(1, 61);
    }
    const simulated = await stack.chat(testKey.key, { ...body, model: "sandbox-echo" });
    const health = await fetch(`http://127.0.0.1:${stack.port}/healthz`);
    expect([simulated.status, health.status]).toEqual([200, 200]);

    await stack.proxy.resume();
    await until("that calls are taken again", async () =>
      (await callMany(one, 12)).every(({ status }) => status === 200),
    );
    expect((await stack.chat(key.key, body)).status).toBe(200);
    await expectNothingLost(stack);
  }, 60_000);

  test("for a moment is not noticed by anybody", async () => {
    const one = await startCuttable();
    await warmUp(one);
    for (let cuts = 0; cuts < 3; cuts++) {
      const underWay = callGently(one, 5);
      await one.stack.proxy.refuse();
      const cut = callGently(one, 5);
      await one.stack.proxy.resume();
      expect(await Promise.all([underWay, cut])).toEqual([
        Array(10).fill(200),
        Array(10).fill(200),
      ]);
    }
    await expectNothingLost(one.stack);
  }, 60_000);

  test("does not keep a worker that starts meanwhile from posting later", async () => {
    const one = await startCuttable();
    await warmUp(one);
    await one.stack.stopWorker();
    const posted = (await one.stack.events()).length;
    await one.stack.proxy.refuse();
    expect(await callGently(one, 5)).toEqual(Array(10).fill(200));
    await one.stack.startWorker();
    expect(await one.stack.events()).toHaveLength(posted);

    await one.stack.proxy.resume();
    await expectNothingLost(one.stack);
  }, 60_000);
});

describe("a database that swallows everything", () => {
  test("is not waited for: calls are served from leases, then refused, and nothing is lost", async () => {
    const one = await startCuttable();
    const { stack } = one;
    await warmUp(one);
    stack.proxy.freeze();

    expect(await callGently(one, 15)).toEqual(Array(30).fill(200));

    const refused = await until(
      "that the leases have run out in both gateways",
      async () => {
        const answers = await callMany(one, 12);
        return answers.every(({ status }) => status === 503) ? answers : undefined;
      },
      { deadlineMs: USABLE_MS + 15_000 },
    );
    for (const answered of refused) {
      expect(Number(answered.headers.get("retry-after"))).toBeWithin(1, 61);
    }

    await stack.proxy.resume();
    await until(
      "that calls are taken again",
      async () => (await callMany(one, 12)).every(({ status }) => status === 200),
      { deadlineMs: 20_000 },
    );
    await expectNothingLost(stack);
  }, 60_000);
});
