/**
 * `kill -9` at every named place between two steps, under load, with two gateway processes: afterwards the ledger
 * is what the upstream served, to the token, and replaying the journals changes nothing.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Database } from "../../src/platform/db/database.ts";
import type { FaultPoint } from "../../src/platform/fault-point.ts";
import {
  addAccount,
  addBilledModel,
  compareBooks,
  fingerprintBooks,
  type WalletWatch,
  watchWallets,
} from "../support/books.ts";
import {
  type CallShape,
  countEndings,
  plainShape,
  runLoad,
  type SeenCall,
} from "../support/load.ts";
import {
  type Installation,
  type RoleProcess,
  readServed,
  startInstallation,
} from "../support/processes.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const seed = drawSeed();
const random = new SeededRandom(seed);
const CALLS_MAX = 6_000;
const DIES_WITHIN_MS = 20_000;

let installation: Installation;
let watch: WalletWatch;
let sibling: RoleProcess;
let worker: RoleProcess;
let keys: string[];
/** Everything that clients have seen since the beginning: the books are compared as a whole. */
const seen: SeenCall[] = [];

beforeAll(async () => {
  installation = await startInstallation({
    BASELOAD_JOURNAL_SEGMENT_BYTES: String(1024 * 1024),
    BASELOAD_LEASE_IDLE_MS: "2000",
  });
  await addBilledModel(installation);
  keys = [
    await addAccount(installation, { organization: "acme", usd: "50.00" }),
    await addAccount(installation, {
      organization: "globex",
      usd: "50.00",
      projectBudgetUsd: "20.00",
      keyBudgetUsd: "10.00",
    }),
  ];
  [sibling, worker] = await Promise.all([
    installation.start("gateway"),
    installation.start("worker"),
    installation.start("control"),
  ]);
  watch = watchWallets(installation.database);
});

afterAll(async () => {
  await watch?.stop();
  await installation?.[Symbol.asyncDispose]();
});

/** Calls until `isEnough`, which is looked at between two calls of each client. */
async function load(options: {
  isEnough?: () => boolean;
  callsMax?: number;
  drawShape?: (random: SeededRandom) => CallShape;
  atOnce?: number;
}): Promise<SeenCall[]> {
  const calls = await runLoad({
    url: installation.url,
    keys,
    model: "served",
    seed: random.between(0, 2 ** 31),
    atOnce: 24,
    callsMax: CALLS_MAX,
    ...options,
  });
  seen.push(...calls);
  return calls;
}

async function untilDead(victim: RoleProcess): Promise<void> {
  await until(`the death of ${victim.role}`, () => !victim.isRunning(), {
    deadlineMs: DIES_WITHIN_MS,
    describe: () => installation.logTail(victim.role),
  });
  expect(await victim.ended).toBe("SIGKILL");
}

async function expectExactBooks(what: string, calls: readonly SeenCall[]): Promise<void> {
  await installation.untilSettled();
  const compared = await compareBooks(installation, seen);
  const { problems, ...figures } = compared;
  process.stdout.write(
    `${what}: ${Bun.inspect({ clients: countEndings(calls), inAll: figures, samples: watch.samples }, { compact: true })}\n`,
  );
  expect(problems).toEqual([]);
  expect(watch.problems).toEqual([]);
  const check = await installation.command("ledger", "check", "--json");
  expect(check).toMatchObject({ code: 0 });
}

describe(`processes that die between two steps (seed ${seed})`, () => {
  afterEach(async () => {
    if (!worker.isRunning()) worker = await installation.start("worker");
    if (!sibling.isRunning()) sibling = await installation.start("gateway");
  });

  const ofGateways: readonly FaultPoint[] = [
    "gateway: intent written",
    "gateway: answer begun",
    "gateway: usage known",
    "gateway: usage written",
    "gateway: stream under way",
    "journal: records on the disk, writers not told",
    "ledger: lease granted, answer not received",
  ];
  for (const name of ofGateways) {
    const nth = name.startsWith("ledger") ? random.between(1, 2) : random.between(1, 60);
    test(`${name}, the ${nth}. time`, async () => {
      const victim = await installation.start("gateway", { faultPoint: { name, nth } });
      const calls = await load({ isEnough: () => !victim.isRunning() });
      await untilDead(victim);
      await expectExactBooks(name, calls);
    });
  }

  const quick = () =>
    plainShape({ promptTokens: 3, completionTokens: 1, maxTokens: 1, delayMs: 0 });
  for (const name of [
    "journal: next segment taken, header not written",
    "journal: next segment begun",
  ] as const) {
    test(name, async () => {
      const victim = await installation.start("gateway", { faultPoint: { name } });
      const calls = await load({
        isEnough: () => !victim.isRunning(),
        drawShape: quick,
        atOnce: 64,
      });
      await untilDead(victim);
      await expectExactBooks(name, calls);
    });
  }

  test("a gateway whose calls the upstream works on", async () => {
    const victim = await installation.start("gateway");
    const { upstreamUrl, internalToken } = installation;
    const calls = load({
      callsMax: 80,
      atOnce: 40,
      drawShape: () =>
        plainShape({ promptTokens: 50, completionTokens: 40, maxTokens: 50, delayMs: 400 }),
    });
    await until("that the upstream works", async () => {
      const { attempts } = await readServed(upstreamUrl, internalToken);
      return attempts.filter(({ state }) => state === "running").length > 20;
    });
    await victim.kill();
    await expectExactBooks("while the upstream worked", await calls);
  });

  for (const name of [
    "worker: records read, not posted",
    "worker: records posted, segments not removed",
  ] as const) {
    const nth = random.between(1, 8);
    test(`${name}, the ${nth}. time`, async () => {
      await worker.kill();
      worker = await installation.start("worker", { faultPoint: { name, nth } });
      const calls = await load({ isEnough: () => !worker.isRunning() });
      await untilDead(worker);
      worker = await installation.start("worker");
      await expectExactBooks(name, calls);
    });
  }

  for (const name of [
    "worker: interrupted attempts looked up",
    "worker: interrupted attempts posted",
    "worker: leases of an ended gateway closed",
  ] as const) {
    test(name, async () => {
      await worker.kill();
      const victim = await installation.start("gateway");
      const slow = (draw: SeededRandom) =>
        plainShape({
          promptTokens: 50,
          completionTokens: 40,
          maxTokens: 50,
          delayMs: draw.between(50, 400),
        });
      let ended = 0;
      const calls = runLoad({
        url: installation.url,
        keys,
        model: "served",
        seed: random.between(0, 2 ** 31),
        atOnce: 60,
        callsMax: 200,
        drawShape: slow,
        onEnd: () => (ended += 1),
      });
      await until("that calls are under way", () => ended > 60);
      await victim.kill();
      worker = await installation.start("worker", { faultPoint: { name } });
      await untilDead(worker);
      worker = await installation.start("worker");
      seen.push(...(await calls));
      await expectExactBooks(name, await calls);
    });
  }

  test("journals that are put back and posted once more change nothing", async () => {
    const { database } = installation;
    await worker.kill();
    const calls = await load({ callsMax: 300 });
    await sibling.kill();
    const putBack = installation.copyJournals();
    const acked = await readAcked(database);
    worker = await installation.start("worker");
    await expectExactBooks("before the replay", calls);
    const before = await fingerprintBooks(database);

    await worker.kill();
    putBack();
    // As if PostgreSQL had acknowledged none of it: every record is posted again.
    for (const [gatewayId, sequence] of acked) {
      await database.pool.query(
        "update gateway_process set acked_sequence = $2 where gateway_id = $1",
        [gatewayId, sequence],
      );
    }
    worker = await installation.start("worker");
    await installation.untilSettled();

    const replayed = [...(await readAcked(database))].map(
      ([gatewayId, sequence]) => sequence - (acked.get(gatewayId) ?? 0n),
    );
    process.stdout.write(`replayed: ${replayed.filter((records) => records > 0n)} records\n`);
    expect(replayed.some((records) => records >= 300n)).toBe(true);
    expect(await fingerprintBooks(database)).toBe(before);
  });
});

async function readAcked(database: Database): Promise<Map<string, bigint>> {
  const { rows } = await database.pool.query<{ gateway_id: string; acked_sequence: bigint }>(
    "select gateway_id, acked_sequence from gateway_process",
  );
  return new Map(rows.map((row) => [row.gateway_id, row.acked_sequence]));
}
