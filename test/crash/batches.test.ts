/**
 * `kill -9` of gateways, workers and the database while batches run, at every named place and at random: at the end every line
 * has one result, and what was charged is what the results say, to the token. An answer that was lost with a process may have
 * been served twice; it is charged once.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FaultPoint } from "../../src/platform/fault-point.ts";
import {
  BatchClient,
  type BatchLine,
  batchLine,
  compareBatches,
  type Result,
} from "../support/batch-books.ts";
import { addAccount, addBilledModel, type WalletWatch, watchWallets } from "../support/books.ts";
import { type Installation, type RoleProcess, startInstallation } from "../support/processes.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const seed = drawSeed();
const random = new SeededRandom(seed);
const TEST_MS = 120_000;

let installation: Installation;
let watch: WalletWatch;
let sibling: RoleProcess;
let worker: RoleProcess;
let client: BatchClient;
/** The books are compared as a whole, from the beginning. */
const done: { lines: readonly BatchLine[]; answered: Result[]; refused: Result[] }[] = [];

beforeAll(async () => {
  installation = await startInstallation({
    BASELOAD_LEASE_IDLE_MS: "2000",
    BASELOAD_WORKER_JOB_SILENT_MS: "1500",
  });
  await addBilledModel(installation);
  client = new BatchClient(
    installation,
    await addAccount(installation, { organization: "acme", usd: "50.00" }),
  );
  [sibling, worker] = await Promise.all([
    installation.start("gateway"),
    installation.start("worker"),
    installation.start("control"),
  ]);
  watch = watchWallets(installation.database);
}, TEST_MS);

afterAll(async () => {
  await watch?.stop();
  await installation?.[Symbol.asyncDispose]();
}, TEST_MS);

let batches = 0;

function drawLines(count: number, delayMs: { least: number; most: number }): BatchLine[] {
  batches += 1;
  return Array.from({ length: count }, (_, i) =>
    batchLine(`${batches}-${i}`, {
      promptTokens: random.between(1, 90),
      completionTokens: random.between(1, 60),
      delayMs: random.between(delayMs.least, delayMs.most),
    }),
  );
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

async function expectExact(what: string, id: string, lines: readonly BatchLine[]) {
  await keepRunning();
  const batch = await client.untilEnded(id, () => installation.logTail("worker"));
  const results = await client.results(batch);
  done.push({ lines, ...results });
  await installation.untilSettled();
  const { problems, ...figures } = await compareBatches(installation, done);
  process.stdout.write(`${what}: ${batch.status} ${Bun.inspect(figures, { compact: true })}\n`);
  expect(problems).toEqual([]);
  expect(watch.problems).toEqual([]);
  expect(await installation.command("ledger", "check", "--json")).toMatchObject({ code: 0 });
  return { batch, ...results };
}

describe(`batches through crashes (seed ${seed})`, () => {
  const ofGateways: readonly FaultPoint[] = [
    "gateway: run begun",
    "gateway: intent written",
    "gateway: answer begun",
    "gateway: answer kept",
    "gateway: usage known",
    "gateway: usage written",
  ];
  for (const name of ofGateways) {
    const nth = random.between(1, 25);
    test(
      `${name}, the ${nth}. time`,
      async () => {
        const victim = await installation.start("gateway", { faultPoint: { name, nth } });
        const lines = drawLines(80, { least: 0, most: 30 });
        const id = await client.submit(lines);
        await untilDead(victim);
        const { batch } = await expectExact(name, id, lines);
        expect(batch.request_counts).toEqual({ total: 80, completed: 80, failed: 0 });
      },
      TEST_MS,
    );
  }

  const ofWorkers: readonly [FaultPoint, lines: number, nth: number][] = [
    ["worker: lines half stored", 1_100, 1],
    ["worker: lines marked as sent", 80, random.between(1, 10)],
    ["worker: line answered, not written down", 80, random.between(1, 10)],
    ["worker: result files written, batch not ended", 40, 1],
    ["worker: batch ended, job not", 40, 1],
    ["worker: job done, not ended", 40, 1],
  ];
  for (const [name, count, nth] of ofWorkers) {
    test(
      `${name}, the ${nth}. time`,
      async () => {
        await worker.stop();
        worker = await installation.start("worker", { faultPoint: { name, nth } });
        const lines = drawLines(count, { least: 0, most: count > 1_000 ? 0 : 30 });
        const id = await client.submit(lines);
        await untilDead(worker);
        const { batch } = await expectExact(name, id, lines);
        expect(batch.request_counts).toEqual({ total: count, completed: count, failed: 0 });
      },
      TEST_MS,
    );
  }

  test(
    "an answer that is kept when its gateway and the worker die together is neither lost nor asked for again",
    async () => {
      await sibling.stop();
      const victim = await installation.start("gateway", {
        faultPoint: { name: "gateway: answer kept" },
      });
      const lines = drawLines(1, { least: 0, most: 0 });
      const id = await client.submit(lines);
      await untilDead(victim);
      await worker.kill();
      const before = done.length;
      const { answered } = await expectExact("kept, both dead", id, lines);
      expect(before).toBe(done.length - 1);
      expect(answered).toHaveLength(1);
    },
    TEST_MS,
  );

  test(
    "a batch that is cancelled while everything dies has one result for each line all the same",
    async () => {
      const lines = drawLines(200, { least: 50, most: 150 });
      const id = await client.submit(lines);
      await until("that some are answered", async () => {
        const { request_counts: counts } = await client.read(id);
        return counts.completed > 10;
      });
      await client.cancel(id);
      await Promise.all([worker.kill(), sibling.kill()]);
      const { batch, answered, refused } = await expectExact("cancelled", id, lines);
      expect(batch.status).toBe("cancelled");
      expect(answered.length + refused.length).toBe(200);
    },
    TEST_MS,
  );

  test(
    "random kills",
    async () => {
      const second = await installation.start("gateway");
      let gateways = [sibling, second];
      const lines = drawLines(400, { least: 20, most: 250 });
      const id = await client.submit(lines);
      const killed: string[] = [];
      for (let i = 0; i < 8; i++) {
        await Bun.sleep(random.between(100, 600));
        const kill = random.pick(["gateway", "gateway", "worker", "worker", "both", "postgres"]);
        killed.push(kill);
        const dying = kill === "gateway" || kill === "both" ? [random.pick(gateways)] : [];
        await Promise.all([
          ...dying.map((gateway) => gateway.kill()),
          ...(kill === "worker" || kill === "both" ? [worker.kill()] : []),
          ...(kill === "postgres" ? [installation.postgres.kill()] : []),
        ]);
        if (kill === "postgres") await installation.postgres.start();
        gateways = await Promise.all(
          gateways.map((one) => (one.isRunning() ? one : installation.start("gateway"))),
        );
        if (!worker.isRunning()) worker = await installation.start("worker");
      }
      sibling = gateways[0] ?? sibling;
      const { batch } = await expectExact(`random: ${killed.join(", ")}`, id, lines);
      expect(batch.status).toBe("completed");
    },
    TEST_MS,
  );
});
