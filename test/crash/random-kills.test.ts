/**
 * `kill -9` at random times under load: gateways, worker, PostgreSQL, one after the other and all at once. The
 * seed decides what dies and when; the machine decides what it was doing then. A failure is repeated with
 * `BASELOAD_TEST_SEED=<seed>`.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  addAccount,
  addBilledModel,
  compareBooks,
  type WalletWatch,
  watchWallets,
} from "../support/books.ts";
import { countEndings, runLoad, type SeenCall } from "../support/load.ts";
import { type Installation, type RoleProcess, startInstallation } from "../support/processes.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const given = process.env["BASELOAD_TEST_SEED"];
const seeds = given === undefined ? [1, 2, 3, drawSeed()] : [Number(given)];
const GATEWAYS = 2;
const KILLS = 7;
const BETWEEN_KILLS_MS = { least: 100, most: 500 };

let installation: Installation;
let watch: WalletWatch;
let gateways: RoleProcess[];
let worker: RoleProcess;
let control: RoleProcess;
let keys: string[];
const seen: SeenCall[] = [];

beforeAll(async () => {
  installation = await startInstallation({ BASELOAD_LEASE_IDLE_MS: "1500" });
  await addBilledModel(installation);
  keys = [
    await addAccount(installation, { organization: "acme", usd: "50.00" }),
    await addAccount(installation, {
      organization: "globex",
      usd: "0.05",
      projectBudgetUsd: "0.04",
      keyBudgetUsd: "0.03",
    }),
  ];
  const started = await Promise.all([
    ...Array.from({ length: GATEWAYS }, () => installation.start("gateway")),
    installation.start("worker"),
    installation.start("control"),
  ]);
  gateways = started.slice(0, GATEWAYS);
  [worker, control] = started.slice(GATEWAYS) as [RoleProcess, RoleProcess];
  watch = watchWallets(installation.database);
});

afterAll(async () => {
  await watch?.stop();
  await installation?.[Symbol.asyncDispose]();
});

const countSockets = (): number =>
  readdirSync(join(installation.home, "run")).filter((name) => /^gateway-.*\.sock$/.test(name))
    .length;

type Kill = "gateway" | "all gateways" | "worker" | "postgres" | "everything";

/** Gateways most often: most can go wrong there. */
const kills: readonly Kill[] = [
  ...["gateway", "gateway", "gateway", "all gateways", "worker"],
  ...["postgres", "postgres", "everything"],
] as Kill[];

/** What we did not kill must not have died. */
function expectAllRunning(): void {
  const dead = [...gateways, worker, control].filter((process) => !process.isRunning());
  expect(dead.map(({ role }) => installation.logTail(role))).toEqual([]);
}

async function killAndRestart(kill: Kill, random: SeededRandom): Promise<void> {
  const isOf = (...kinds: Kill[]) => kinds.includes(kill);
  const chosen = random.between(0, GATEWAYS - 1);
  const dying = gateways.filter(
    (_, i) => isOf("all gateways", "everything") || (isOf("gateway") && i === chosen),
  );
  const downMs = random.between(0, 400);
  expectAllRunning();
  await Promise.all([
    ...dying.map((gateway) => gateway.kill()),
    ...(isOf("worker", "everything") ? [worker.kill()] : []),
    ...(isOf("postgres", "everything") ? [installation.postgres.kill()] : []),
  ]);
  await Bun.sleep(downMs);
  if (isOf("postgres", "everything")) await installation.postgres.start();
  await Promise.all([
    ...gateways.map(async (gateway, i) => {
      if (!gateway.isRunning()) gateways[i] = await installation.start("gateway");
    }),
    ...(worker.isRunning() ? [] : [installation.start("worker").then((one) => (worker = one))]),
  ]);
}

for (const seed of seeds) {
  test(`random kills, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    let isOver = false;
    const loading = runLoad({
      url: installation.url,
      keys,
      model: "served",
      seed,
      atOnce: 24,
      callsMax: 100_000,
      isEnough: () => isOver,
    });
    const killed: Kill[] = [];
    try {
      for (let i = 0; i < KILLS; i++) {
        await Bun.sleep(random.between(BETWEEN_KILLS_MS.least, BETWEEN_KILLS_MS.most));
        const kill = random.pick(kills);
        killed.push(kill);
        await killAndRestart(kill, random);
      }
    } finally {
      isOver = true;
    }
    const calls = await loading;
    seen.push(...calls);
    const settlingMs = performance.now();
    await installation.untilSettled();
    const settledMs = Math.round(performance.now() - settlingMs);
    expectAllRunning();

    const { problems, ...figures } = await compareBooks(installation, seen);
    process.stdout.write(
      `seed ${seed}: killed ${killed.join(", ")}\n  ${Bun.inspect({ clients: countEndings(calls), inAll: figures, samples: watch.samples, settledMs }, { compact: true })}\n`,
    );
    expect(problems).toEqual([]);
    expect(watch.problems).toEqual([]);
    expect(await installation.command("ledger", "check", "--json")).toMatchObject({ code: 0 });
    expect(figures.interrupted).toBeGreaterThan(0);
    await until("that the dead have left no sockets", () => countSockets() === GATEWAYS);
  });
}
