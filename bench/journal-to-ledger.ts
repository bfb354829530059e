/**
 * How fast one worker posts usage journals to the ledger: real journal files, a real PostgreSQL that syncs
 * every commit, nothing left out. Run with: bin/baseload-bun bench/journal-to-ledger.ts [events]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel, createProvider } from "../src/domains/catalog/index.ts";
import { createKey } from "../src/domains/identity/index.ts";
import { checkLedger, grant, ledgerStore } from "../src/domains/ledger/index.ts";
import { encodeRecord, type Intent, rate } from "../src/domains/metering/index.ts";
import { systemClock } from "../src/lib/clock.ts";
import { newRequestId } from "../src/lib/ids.ts";
import {
  nanos,
  nanosFromUsd,
  picosFromUsdPerMillion,
  splitCharge,
  ZERO_PICOS,
} from "../src/lib/money.ts";
import { type Database, openDatabase } from "../src/platform/db/database.ts";
import { migrate } from "../src/platform/db/migrate.ts";
import { folderDisk } from "../src/platform/journal/disk.ts";
import { Journal } from "../src/platform/journal/journal.ts";
import { silentLog } from "../src/platform/log.ts";
import { postgresRootOf, startPostgres } from "../src/platform/postgres/embedded.ts";
import { Posting } from "../src/worker/post-journals.ts";

const EVENTS = Number(process.argv[2] ?? 100_000);
const GATEWAYS = 2;
const SEAL_KEY = "5e".repeat(32);
const price = {
  uncached_input: picosFromUsdPerMillion("0.15", "input"),
  cache_read: picosFromUsdPerMillion("0.075", "cached"),
  output_text: picosFromUsdPerMillion("0.60", "output"),
};

const home = mkdtempSync(join(tmpdir(), "baseload-bench-"));
const server = await startPostgres({ home, log: silentLog });
const database = openDatabase({ url: server.url, poolSize: 8, applicationName: "bench" });
try {
  await migrate(database, join(import.meta.dir, "..", "migrations"));
  const organization = await prepare(database);
  for (let i = 0; i < GATEWAYS; i++) await writeJournal(organization, EVENTS / GATEWAYS);

  const posting = new Posting({
    home,
    database,
    store: ledgerStore(database),
    sealKey: SEAL_KEY,
    batchSize: 2_000,
    pollMs: 5,
    clock: systemClock,
    log: silentLog,
  });
  const startMs = performance.now();
  await posting.discover();
  await untilRecovered(database);
  const seconds = (performance.now() - startMs) / 1_000;
  await posting.stop();

  const report = await checkLedger(database);
  const { rows } = await database.pool.query("select count(*) from usage_event");
  process.stdout.write(
    `${rows[0].count} events in ${seconds.toFixed(2)} s: ${Math.round(EVENTS / seconds)} events/s; ` +
      `ledger check: ${report.ok ? "ok" : report.problems.join(" ")}\n`,
  );
} finally {
  await database.close();
  await server.stop();
  rmSync(postgresRootOf(home), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}

async function prepare(target: Database) {
  const actor = "bench";
  await createProvider(target, {
    name: "upstream",
    dialect: "openai-chat",
    baseUrl: "http://127.0.0.1:9/v1",
    allowPrivate: true,
    quirks: {},
    sealKey: SEAL_KEY,
    actor,
  });
  await createModel(target, { name: "model", provider: "upstream", terms: price, actor });
  const { key } = await createKey(target, {
    organization: "bench",
    project: "bench",
    name: "bench",
    mode: "live",
    pepper: SEAL_KEY,
    actor,
  });
  const { rows } = await target.pool.query("select wallet_id from organization");
  const walletId = rows[0].wallet_id as bigint;
  const amount = nanosFromUsd("1000000", "credit");
  await target.transact((client) => grant(client, { walletId, amount }));
  return { walletId, keyId: key.keyId };
}

async function writeJournal(paying: { walletId: bigint; keyId: string }, calls: number) {
  const store = ledgerStore(database);
  const gatewayId = Bun.randomUUIDv7();
  await store.registerGateway(gatewayId);
  const amount = nanosFromUsd("100000", "lease");
  const { leaseId } = await store.takeLease({
    gatewayId,
    walletId: paying.walletId,
    leaseId: undefined,
    need: amount,
    demand: amount,
    want: amount,
    gateways: GATEWAYS,
    expiresAt: new Date(systemClock.nowMs() + 3_600_000),
  });
  const journal = await Journal.open({
    disk: folderDisk(join(home, "journal", gatewayId)),
    segmentBytes: 16 * 2 ** 20,
    groupMaxRecords: 1_024,
    wait: Bun.sleep,
    onTrouble: (message) => process.stderr.write(`${message}\n`),
  });
  let carried = ZERO_PICOS;
  let durable: Promise<void> = Promise.resolve();
  for (let i = 0; i < calls; i++) {
    const intent = intentOf(paying.keyId, leaseId);
    const quantities = {
      uncached_input: 800 + (i % 97),
      cache_read: i % 512,
      output_text: 200 + (i % 31),
      requests: 1,
    };
    const costPicos = rate(price, quantities);
    const split = splitCharge(costPicos, carried);
    carried = split.carried;
    void journal.append(encodeRecord({ type: "intent", intent }));
    const event = {
      ...intent,
      endedAtMs: intent.startedAtMs + 900,
      outcome: "completed" as const,
      source: "provider" as const,
      quantities,
      costPicos,
      chargeNanos: split.charge,
      uncoveredPicos: ZERO_PICOS,
      raw: { prompt_tokens: 1_000, completion_tokens: 200, total_tokens: 1_200 },
    };
    durable = journal.append(encodeRecord({ type: "usage", event }));
    if (i % 1_000 === 0) await durable;
  }
  await durable;
  await journal.close();
}

function intentOf(keyId: string, leaseId: bigint): Intent {
  return {
    requestId: newRequestId(),
    attempt: 0,
    organizationId: 1n,
    projectId: 1n,
    keyId,
    modelId: 1n,
    deploymentId: 1n,
    priceVersionId: 1n,
    serviceTier: "standard",
    leaseIds: [leaseId],
    startedAtMs: systemClock.nowMs(),
    inputTokensCounted: 1_000,
    inputTokensMax: 4_000,
    outputTokensMax: 400,
    holdNanos: nanos(1_000_000n),
    isKept: false,
  };
}

/** Nobody listens for these gateways, so the worker recovers them at the end of their journals. */
async function untilRecovered(target: Database): Promise<void> {
  for (;;) {
    const { rows } = await target.pool.query(
      "select count(*) as open from gateway_process where state = 'running'",
    );
    if (rows[0].open === 0n) return;
    await Bun.sleep(20);
  }
}
