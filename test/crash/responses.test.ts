/**
 * `kill -9` of gateways and workers while responses are made in the background: each ends once, and what was charged is
 * what the responses say, to the token.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { Response as WireResponse } from "openai/resources/responses/responses";
import type { FaultPoint } from "../../src/platform/fault-point.ts";
import { addAccount, addBilledModel, readEvents } from "../support/books.ts";
import { type Installation, type RoleProcess, startInstallation } from "../support/processes.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const seed = drawSeed();
const random = new SeededRandom(seed);
const TEST_MS = 120_000;
const RESPONSES = 12;

let installation: Installation;
let sibling: RoleProcess;
let worker: RoleProcess;
let client: OpenAI;
/** The books are compared as a whole, from the beginning. */
const made: WireResponse[] = [];

beforeAll(async () => {
  installation = await startInstallation({
    BASELOAD_LEASE_IDLE_MS: "2000",
    BASELOAD_WORKER_JOB_SILENT_MS: "1500",
  });
  await addBilledModel(installation);
  const apiKey = await addAccount(installation, { organization: "acme", usd: "50.00" });
  client = new OpenAI({ apiKey, baseURL: installation.url, maxRetries: 5 });
  [sibling, worker] = await Promise.all([
    installation.start("gateway"),
    installation.start("worker"),
    installation.start("control"),
  ]);
}, TEST_MS);

afterAll(() => installation?.[Symbol.asyncDispose](), TEST_MS);

const queue = (count = RESPONSES): Promise<WireResponse[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const sandbox = {
        prompt_tokens: random.between(1, 90),
        completion_tokens: random.between(1, 60),
        first_token_delay_ms: random.between(0, 60),
      };
      const body = {
        model: "served",
        input: "x",
        background: true,
        max_output_tokens: 60,
        sandbox,
      };
      return await client.responses.create(body);
    }),
  );

async function untilEnded({ id }: WireResponse): Promise<WireResponse> {
  let latest: WireResponse | undefined;
  await until(
    `the end of ${id}`,
    async () => {
      // Gateways die on purpose while we ask.
      latest = await client.responses.retrieve(id).catch(() => undefined);
      return latest !== undefined && !["queued", "in_progress"].includes(latest.status ?? "");
    },
    { deadlineMs: 60_000, describe: () => [latest?.status, installation.logTail("worker")] },
  );
  if (latest === undefined) throw new Error("it was never retrieved");
  return latest;
}

async function untilDead(victim: RoleProcess): Promise<void> {
  await until(`the death of ${victim.role}`, () => !victim.isRunning(), {
    deadlineMs: 30_000,
    describe: () => installation.logTail(victim.role),
  });
  expect(await victim.ended).toBe("SIGKILL");
}

async function keepRunning(): Promise<void> {
  if (!worker.isRunning()) worker = await installation.start("worker");
  if (!sibling.isRunning()) sibling = await installation.start("gateway");
}

async function expectExact(queued: readonly WireResponse[]): Promise<void> {
  await keepRunning();
  for (const response of queued) {
    const ended = await untilEnded(response);
    expect([ended.status, ended.id]).toEqual(["completed", response.id]);
    made.push(ended);
  }
  await installation.untilSettled();
  const charged = (await readEvents(installation.database)).filter(
    ({ cost_picos }) => cost_picos !== "0",
  );
  const usages = (list: [unknown, unknown][]) => list.map(String).sort();
  expect(usages(charged.map((event) => [event.uncached_input, event.output_text]))).toEqual(
    usages(made.map(({ usage }) => [usage?.input_tokens, usage?.output_tokens])),
  );
  expect(await installation.command("ledger", "check", "--json")).toMatchObject({ code: 0 });
}

describe(`responses in the background through crashes (seed ${seed})`, () => {
  const ofGateways: readonly FaultPoint[] = [
    "gateway: run begun",
    "gateway: answer begun",
    "gateway: answer kept",
    "gateway: usage written",
  ];
  for (const name of ofGateways) {
    test(
      name,
      async () => {
        const victim = await installation.start("gateway", { faultPoint: { name, nth: 3 } });
        const queued = await queue();
        await untilDead(victim);
        await expectExact(queued);
      },
      TEST_MS,
    );
  }

  const ofWorkers: readonly FaultPoint[] = [
    "worker: response answered, not stored",
    "worker: job done, not ended",
  ];
  for (const name of ofWorkers) {
    test(
      name,
      async () => {
        await worker.stop();
        worker = await installation.start("worker", { faultPoint: { name, nth: 2 } });
        const queued = await queue();
        await untilDead(worker);
        await expectExact(queued);
      },
      TEST_MS,
    );
  }

  test(
    "everything dies while they are made",
    async () => {
      const queued = await queue(30);
      await Bun.sleep(random.between(0, 150));
      await Promise.all([worker.kill(), sibling.kill()]);
      await expectExact(queued);
    },
    TEST_MS,
  );
});
