/** Wires and starts one gateway process. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FileFolder, type FileLimits, Files } from "../domains/files/index.ts";
import { LeasePool, ledgerStore, RECALL_CHANNEL } from "../domains/ledger/index.ts";
import { encodeRecord } from "../domains/metering/index.ts";
import { systemClock } from "../lib/clock.ts";
import { nanosFromUsd } from "../lib/money.ts";
import { CHANGED_CHANNEL } from "../platform/db/change.ts";
import { ANSWER_TIMEOUT_MS, type Database, openDatabase } from "../platform/db/database.ts";
import { Listener } from "../platform/db/listen.ts";
import { folderDisk } from "../platform/journal/disk.ts";
import { Journal } from "../platform/journal/journal.ts";
import type { Log } from "../platform/log.ts";
import { Metrics } from "../platform/metrics.ts";
import { processSocketOf, runFolderOf } from "../platform/process-sockets.ts";
import { SharedCounters } from "../platform/shared-counters.ts";
import { HEARTBEAT_MS, SharedGauges } from "../platform/shared-gauges.ts";
import { every, type Repeating } from "../platform/timers.ts";
import type { Upstream } from "../providers/upstream.ts";
import { ResponseCache } from "./cache/response-cache.ts";
import { ModelRooms } from "./capacity/model-rooms.ts";
import { StoredResponses } from "./conversations/stored-responses.ts";
import type { Gateway, GatewayLimits } from "./gateway.ts";
import type { Observer } from "./observe/observation.ts";
import { startWatchers, type TelemetryOptions } from "./observe/watchers.ts";
import { RequestLog } from "./request-log/request-log.ts";
import { serve, servePrivately } from "./server.ts";
import { boundedLedger } from "./state/bounded-ledger.ts";
import { type GatewayMetrics, gatewayMetrics } from "./state/gateway-metrics.ts";
import { type Health, healthOf } from "./state/health.ts";
import { HedgeBudget } from "./state/hedge-budget.ts";
import { readSnapshot } from "./state/read-snapshot.ts";
import { Snapshot } from "./state/snapshot.ts";
import { UpstreamHealth } from "./state/upstream-health.ts";
import { keptAnswers } from "./work/kept-answers.ts";

export type GatewayOptions = {
  home: string;
  databaseUrl: string;
  hostname: string;
  port: number;
  /** How many gateway processes share the work; leases are sized by it. */
  gateways: number;
  keyPepper: string;
  sealKey: string;
  /** What the worker shows on the private socket. */
  internalToken: string;
  sandbox: Upstream;
  limits: GatewayLimits;
  lease: {
    ttlMs: number;
    marginMs: number;
    maxUsd: string;
    idleMs: number;
    patienceMs: number;
  };
  journal: { segmentBytes: number; groupMaxRecords: number };
  files: FileLimits & { folder: string };
  databasePoolSize: number;
  drainTimeoutMs: number;
  /** A part of it: how long calls are taken still after this gateway has said that it is not ready. */
  leaveMs: number;
  telemetry: TelemetryOptions;
  log: Log;
};

/** Looks again even when nobody said that something changed: a notice can be lost with its connection. */
const SNAPSHOT_INTERVAL_MS = 5_000;
const IDLE_CHECK_MS = 1_000;
/** Of stored responses: enough for a few readers beside the writers. */
const RESPONSES_POOL_SIZE = 4;
const RENEWALS_PER_TTL = 4;
/** While the database is away, it is asked again this often. */
const RENEW_RETRY_MS = 500;

export type RunningGateway = {
  gatewayId: string;
  port: number | undefined;
  /** Takes no more calls, finishes those under way, writes everything down, gives all leases back. */
  stop(): Promise<void>;
};

export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { log } = options;
  const gatewayId = Bun.randomUUIDv7();
  const runFolder = runFolderOf(options.home);
  mkdirSync(runFolder, { recursive: true, mode: 0o700 });
  const database = openDatabase({
    url: options.databaseUrl,
    poolSize: options.databasePoolSize,
    applicationName: `baseload gateway ${gatewayId}`,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    log,
  });
  await ledgerStore(database).registerGateway(gatewayId);
  const metrics = new Metrics();
  const leaving: Leaving = { isLeaving: false, isDraining: false };
  const socketPath = processSocketOf(runFolder, gatewayId);
  // First: the worker takes a journal without a listening socket for that of a dead process.
  const started: { health?: Health; gateway?: Gateway } = {};
  const privately = servePrivately(started, socketPath);
  const cut = new AbortController();
  const watchers = await startWatchers(options.telemetry, { gatewayId, metrics, log });
  const gateway = await wire(options, {
    gatewayId,
    observers: watchers.observers,
    database,
    metrics,
    leaving,
    runFolder,
    cut: cut.signal,
  });
  await gateway.snapshot.refresh();
  const listener = listenerOf(gateway, options.databaseUrl);
  await listener.start();
  const timers = startTimers(gateway, options);

  const health = healthOf(gateway, metrics, runFolder);
  started.health = health;
  started.gateway = gateway;
  const server = serve(gateway, health, {
    hostname: options.hostname,
    port: options.port,
  });
  log.info("gateway is ready", { gatewayId, port: server.port });

  return {
    gatewayId,
    port: server.port,
    async stop() {
      await leave(leaving, server, options);
      await settled(gateway, server, options.drainTimeoutMs - options.leaveMs);
      await Promise.all(timers.map((timer) => timer.stop()));
      await listener.stop();
      await gateway.pool.retireAll();
      await server.stop(true);
      // Calls of jobs hang on no connection. What is not kept by then, recovery settles as nothing.
      cut.abort();
      for (const work of gateway.works.values()) work.abort();
      await settled(gateway, server, SETTLE_AFTER_CUT_MS);
      await watchers.stop();
      gateway.gauges.close();
      await gateway.responses.stop();
      await gateway.requestLog.stop();
      await gateway.journal.close();
      await database.close();
      // Last: once this socket is gone the worker takes the process for dead and its journal for complete.
      await privately.stop(true);
      rmSync(socketPath, { force: true });
      log.info("gateway has stopped", { gatewayId });
    },
  };
}

type Leaving = { isLeaving: boolean; isDraining: boolean };

/**
 * Not ready first, while calls are taken still and each answer closes its connection: whoever asks this gateway next
 * goes elsewhere. Closing the port at once would reset connections on which a request is on its way.
 */
async function leave(
  leaving: Leaving,
  server: Bun.Server<undefined>,
  { leaveMs, drainTimeoutMs }: GatewayOptions,
): Promise<void> {
  leaving.isLeaving = true;
  await Bun.sleep(Math.min(leaveMs, drainTimeoutMs));
  leaving.isDraining = true;
  // Connections without a request are closed at once, the others after their answer.
  void server.stop();
}

type Parts = {
  gatewayId: string;
  database: Database;
  metrics: Metrics;
  leaving: Leaving;
  runFolder: string;
  observers: readonly Observer[];
  /** Aborted when what is under way is given up. */
  cut: AbortSignal;
};

async function wire(options: GatewayOptions, parts: Parts): Promise<Gateway> {
  const { log } = options;
  const { gatewayId, database, leaving } = parts;
  const journal = await Journal.open({
    ...options.journal,
    disk: folderDisk(join(options.home, "journal", gatewayId)),
    wait: Bun.sleep,
    onTrouble: (message, error) => log.error(message, { error }),
  });
  const counters = SharedCounters.open(join(parts.runFolder, "rate-counters.bin"));
  const metrics = gatewayMetrics(parts.metrics);
  const gauges = SharedGauges.open(join(parts.runFolder, "in-flight.bin"), systemClock);
  return {
    gatewayId,
    keyPepper: options.keyPepper,
    limits: options.limits,
    clock: systemClock,
    log,
    metrics,
    snapshot: new Snapshot({
      read: () => readSnapshot(database, { sealKey: options.sealKey, log }),
      clock: systemClock,
      log,
    }),
    pool: poolOf(options, { gatewayId, database, journal }),
    journal,
    counters,
    gauges,
    observers: parts.observers,
    requestLog: requestLogOf(options, { gatewayId, metrics }),
    cache: new ResponseCache({ clock: systemClock, bytesMax: options.limits.cacheBytesMax }),
    rooms: new ModelRooms({
      ...{ counters, gauges, clock: systemClock },
      waitMaxMs: options.limits.queueTimeoutMs,
      queueMax: options.limits.queueMax,
    }),
    health: new UpstreamHealth({ clock: systemClock }),
    hedges: new HedgeBudget(),
    sandbox: options.sandbox,
    attempts: new Set(),
    works: new Map(),
    kept: keptAnswers({ database, gatewayId, log, signal: parts.cut }),
    internalToken: options.internalToken,
    files: new Files({
      database,
      folder: await FileFolder.open(options.files.folder),
      limits: options.files,
      clock: systemClock,
    }),
    database,
    responses: responsesOf(options, gatewayId),
    background: new Set(),
    isLeaving: () => leaving.isLeaving,
    isDraining: () => leaving.isDraining,
  };
}

/** On connections of their own: see `StoredResponses`. */
function responsesOf({ databaseUrl, log }: GatewayOptions, gatewayId: string): StoredResponses {
  const database = openDatabase({
    url: databaseUrl,
    poolSize: RESPONSES_POOL_SIZE,
    applicationName: `baseload gateway ${gatewayId} responses`,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    log,
  });
  return new StoredResponses({
    database,
    clock: systemClock,
    log,
    isForbidden: ({ zeroRetention }) => zeroRetention,
  });
}

/** On a connection of its own, that is opened when there is something to write. */
function requestLogOf(
  { databaseUrl, sealKey, log }: GatewayOptions,
  { gatewayId, metrics }: { gatewayId: string; metrics: GatewayMetrics },
): RequestLog {
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 1,
    applicationName: `baseload gateway ${gatewayId} request log`,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    log,
  });
  const { requestLogWritten: written, requestLogDropped: dropped } = metrics;
  return new RequestLog({ database, sealKey, written, dropped, log, chance: Math.random });
}

function poolOf(
  { lease, gateways, log }: GatewayOptions,
  parts: { gatewayId: string; database: Database; journal: Journal },
): LeasePool {
  return new LeasePool({
    gatewayId: parts.gatewayId,
    store: boundedLedger(ledgerStore(parts.database)),
    clock: systemClock,
    wait: Bun.sleep,
    // If this record is lost the lease simply stays open until the process is recovered.
    closeLease: (leaseId) =>
      void parts.journal
        .append(encodeRecord({ type: "lease_closed", leaseId }))
        .catch((error: unknown) => log.error("a lease could not be closed", { leaseId, error })),
    onTrouble: (message, error) => log.warn(message, { error }),
    gateways,
    ttlMs: lease.ttlMs,
    marginMs: lease.marginMs,
    maxNanos: nanosFromUsd(lease.maxUsd, "lease.maxUsd"),
    idleMs: lease.idleMs,
    patienceMs: lease.patienceMs,
  });
}

function listenerOf(gateway: Gateway, url: string): Listener {
  const { log, snapshot, pool } = gateway;
  const refresh = () => void snapshot.refresh().catch(() => undefined);
  return new Listener({
    url,
    applicationName: `baseload gateway ${gateway.gatewayId} notices`,
    channels: [CHANGED_CHANNEL, RECALL_CHANNEL],
    onConnect: refresh,
    onNotice(channel, payload) {
      if (channel === CHANGED_CHANNEL) return refresh();
      pool.recall(BigInt(payload)).catch((error: unknown) => {
        log.warn("a lease could not be given back early", { error });
      });
    },
    log,
  });
}

function startTimers(
  { pool, snapshot, gauges, log }: Gateway,
  { lease }: GatewayOptions,
): Repeating[] {
  const renewMs = Math.min(lease.ttlMs / RENEWALS_PER_TTL, lease.ttlMs - lease.marginMs);
  return [
    every(renewMs, { retryMs: RENEW_RETRY_MS, log, what: "renew leases" }, () => pool.renew()),
    every(HEARTBEAT_MS, { log, what: "show life" }, async () => gauges.beat()),
    every(IDLE_CHECK_MS, { log, what: "return idle leases" }, async () => pool.returnIdle()),
    every(SNAPSHOT_INTERVAL_MS, { log, what: "read keys and models again" }, () =>
      snapshot.refresh(),
    ),
  ];
}

/** After the connections were cut, settlements only need the disk and perhaps one look-up. */
const SETTLE_AFTER_CUT_MS = 10_000;
const SETTLED_POLL_MS = 10;

async function settled(
  gateway: Gateway,
  server: Pick<Bun.Server<undefined>, "pendingRequests">,
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = gateway.clock.monotonicMs() + timeoutMs;
  const isBusy = () =>
    // A settled answer may not have reached a slow client yet.
    server.pendingRequests > 0 ||
    gateway.attempts.size > 0 ||
    gateway.background.size > 0 ||
    gateway.rooms.waiting() > 0;
  while (isBusy() && gateway.clock.monotonicMs() < deadlineMs) await Bun.sleep(SETTLED_POLL_MS);
}
