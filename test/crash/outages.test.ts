/**
 * What a gateway needs is away for a while: PostgreSQL, for longer than leases last, and room on the disk of the
 * journal. It serves as long as it can account for it, then says why it refuses, and goes on by itself.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  addAccount,
  addBilledModel,
  compareBooks,
  type WalletWatch,
  watchWallets,
} from "../support/books.ts";
import { callOnce, countEndings, plainShape, runLoad, type SeenCall } from "../support/load.ts";
import { type Installation, type RoleProcess, startInstallation } from "../support/processes.ts";
import { drawSeed } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const seed = drawSeed();
/** So many answers of one kind in a row mean that all gateways give them: the kernel picks one for each call. */
const IN_A_ROW = 30;
const LEASE_TTL_MS = 5_000;
const LEASE_MARGIN_MS = 1_000;

const quick = plainShape({ promptTokens: 3, completionTokens: 2, maxTokens: 4, delayMs: 5 });

type Stand = {
  installation: Installation;
  watch: WalletWatch;
  worker: RoleProcess;
  key: string;
  seen: SeenCall[];
};

async function startStand(prepare?: (home: string) => void): Promise<Stand> {
  const installation = await startInstallation({
    BASELOAD_JOURNAL_SEGMENT_BYTES: String(MIB),
    BASELOAD_LEASE_TTL_MS: String(LEASE_TTL_MS),
    BASELOAD_LEASE_MARGIN_MS: String(LEASE_MARGIN_MS),
    BASELOAD_WORKER_QUARANTINE_GRACE_MS: "0",
  });
  prepare?.(installation.home);
  await addBilledModel(installation);
  const key = await addAccount(installation, { organization: "acme", usd: "50.00" });
  const [worker] = await Promise.all([
    installation.start("worker"),
    installation.start("control"),
    installation.start("gateway"),
    installation.start("gateway"),
  ]);
  const watch = watchWallets(installation.database);
  return { installation, watch, worker, key, seen: [] };
}

async function expectExactBooks({ installation, watch, seen }: Stand): Promise<void> {
  await installation.untilSettled();
  const { problems, ...figures } = await compareBooks(installation, seen);
  process.stdout.write(
    `  ${Bun.inspect({ clients: countEndings(seen), figures, samples: watch.samples }, { compact: true })}\n`,
  );
  expect(problems).toEqual([]);
  expect(watch.problems).toEqual([]);
  expect(await installation.command("ledger", "check", "--json")).toMatchObject({ code: 0 });
}

/** Calls until `IN_A_ROW` of them in a row have ended so. */
async function loadUntil(
  { installation, key, seen }: Stand,
  ended: SeenCall["ended"],
  atOnce: number,
): Promise<SeenCall[]> {
  let inARow = 0;
  const calls = await runLoad({
    url: installation.url,
    keys: [key],
    model: "served",
    seed,
    atOnce,
    callsMax: 20_000,
    drawShape: () => quick,
    isEnough: () => inARow >= IN_A_ROW,
    onEnd: (call) => (inARow = call.ended === ended ? inARow + 1 : 0),
  });
  seen.push(...calls);
  expect(inARow).toBeGreaterThanOrEqual(IN_A_ROW);
  return calls;
}

const whyNotReady = async ({ installation }: Stand): Promise<string> => {
  const response = await fetch(`${installation.url.replace(/\/v1$/, "")}/readyz`, {
    keepalive: false,
  });
  return `${response.status} ${await response.text()}`;
};

describe("PostgreSQL is away for longer than leases last", () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand();
  });
  afterAll(async () => {
    await stand?.watch.stop();
    await stand?.installation[Symbol.asyncDispose]();
  });

  for (const way of ["stop", "kill"] as const) {
    test(`after ${way}: calls are served from leases, then refused with 503, then served again`, async () => {
      const { postgres } = stand.installation;
      // A busy wallet's leases have grown before the outage.
      for (let i = 0; i < 8; i++) await loadUntil(stand, "answered", 24);

      await postgres[way]();
      const awayMs = performance.now();
      const calls = await loadUntil(stand, "refused", 4);
      const outageMs = Math.round(performance.now() - awayMs);
      await postgres.start();
      await until("that calls are served again", async () => {
        const call = await callOnce(
          { url: stand.installation.url, model: "served" },
          stand.key,
          quick,
        );
        stand.seen.push(call);
        return call.ended === "answered";
      });
      await loadUntil(stand, "answered", 4);

      const { answered = 0, refused = 0, broken = 0 } = countEndings(calls);
      process.stdout.write(
        `away for ${outageMs} ms: ${answered} answered, then ${refused} refused\n`,
      );
      expect(answered).toBeGreaterThan(100);
      expect(outageMs).toBeGreaterThan((LEASE_TTL_MS - LEASE_MARGIN_MS) / 2);
      expect(broken).toBe(0);
      for (const call of calls.filter(({ ended }) => ended === "refused")) {
        expect(call).toMatchObject({ status: 503, code: "ledger_unreachable" });
        expect(Number(call.retryAfter)).toBeGreaterThan(0);
      }
      await expectExactBooks(stand);
    });
  }
});

const MIB = 1024 * 1024;
/** Two segments for each of two gateways, and a bit that no third one fits in. */
const JOURNAL_DISK_BYTES = 4 * MIB + MIB / 2;
const mayMount = triesToMount();

/** A small file system in memory: the only disk that a test may fill. Needs the rights of root. */
describe.skipIf(!mayMount)("the journal's disk is full (needs the right to mount)", () => {
  let stand: Stand;
  let folder = "";
  beforeAll(async () => {
    stand = await startStand((home) => {
      folder = join(home, "journal");
      mkdirSync(folder, { mode: 0o700 });
      expect(mount(folder, JOURNAL_DISK_BYTES)).toBe(true);
    });
  });
  afterAll(async () => {
    await stand?.watch.stop();
    unmount(folder);
    await stand?.installation[Symbol.asyncDispose]();
  });

  test("new calls are refused and told why, those under way end, and room brings them back", async () => {
    const { installation, key, seen } = stand;
    // Without a worker nothing is posted, so no segment is removed, and the disk fills up.
    await stand.worker.kill();
    const slow = plainShape({ promptTokens: 9, completionTokens: 9, maxTokens: 9, delayMs: 4_000 });
    const underWay = Promise.all(
      Array.from({ length: 20 }, () =>
        callOnce({ url: installation.url, model: "served" }, key, slow),
      ),
    );
    const calls = await loadUntil(stand, "refused", 32);
    const refused = calls.filter(({ ended }) => ended === "refused");
    for (const call of refused) {
      expect(call).toMatchObject({ status: 503, code: "not_taking_work" });
      expect(Number(call.retryAfter)).toBeGreaterThan(0);
    }
    const reason = await whyNotReady(stand);
    expect(reason).toMatch(/^503 .*disk is full/);
    const slowCalls = await underWay;
    seen.push(...slowCalls);
    expect(slowCalls.map(({ ended }) => ended)).toEqual(slowCalls.map(() => "answered"));

    const { answered = 0, broken = 0 } = countEndings(calls);
    process.stdout.write(
      `full after ${answered} answers, ${refused.length} refused: ${reason.trim()}\n`,
    );
    expect(broken).toBe(0);
    stand.worker = await installation.start("worker");
    await until("that both gateways are ready again", async () => {
      const all = await Promise.all(Array.from({ length: IN_A_ROW }, () => whyNotReady(stand)));
      return all.every((text) => text.startsWith("200"));
    });
    await loadUntil(stand, "answered", 8);
    await expectExactBooks(stand);
  });

  test("a disk that somebody else fills stops nothing that fits, and nothing is lost", async () => {
    try {
      while (true)
        writeFileSync(join(folder, "somebody-else"), Buffer.alloc(16_384), { flag: "a" });
    } catch (error) {
      expect((error as { code?: string }).code).toBe("ENOSPC");
    }
    const calls = await runLoad({
      url: stand.installation.url,
      keys: [stand.key],
      model: "served",
      seed,
      atOnce: 16,
      callsMax: 300,
      drawShape: () => quick,
    });
    stand.seen.push(...calls);
    expect(countEndings(calls)["broken"]).toBeUndefined();
    await expectExactBooks(stand);
  });
});

function triesToMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "baseload-mount-"));
  const isMounted = mount(folder, MIB);
  if (isMounted) unmount(folder);
  rmdirSync(folder);
  return isMounted;
}

function mount(folder: string, sizeBytes: number): boolean {
  const words = ["-t", "tmpfs", "-o", `size=${sizeBytes},mode=0700`, "tmpfs", folder];
  return spawnSync("mount", words, { stdio: "ignore" }).status === 0;
}

function unmount(folder: string): void {
  spawnSync("umount", ["-l", folder], { stdio: "ignore" });
}
