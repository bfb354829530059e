/** The background process: posts journals, sets expired leases aside, lets credit expire. */
import { deleteExpired } from "../domains/conversations/index.ts";
import { FileFolder, type FileLimits, Files } from "../domains/files/index.ts";
import { expireCredits, ledgerStore, postRemainders } from "../domains/ledger/index.ts";
import { deleteOutdated } from "../domains/request-log/index.ts";
import { systemClock } from "../lib/clock.ts";
import { ANSWER_TIMEOUT_MS, type Database, openDatabase } from "../platform/db/database.ts";
import type { Log } from "../platform/log.ts";
import { runFolderOf } from "../platform/process-sockets.ts";
import { every } from "../platform/timers.ts";
import { batchKind } from "./batches/batch-kind.ts";
import { FairSlots } from "./batches/fair-slots.ts";
import { Gateways } from "./jobs/gateways.ts";
import { RunningJobs } from "./jobs/run-jobs.ts";
import { Posting } from "./post-journals.ts";
import { responseKind } from "./responses/response-kind.ts";

export type WorkerOptions = {
  home: string;
  databaseUrl: string;
  databasePoolSize: number;
  sealKey: string;
  internalToken: string;
  files: FileLimits & { folder: string };
  /** Lines of batches under way at once. */
  batchConcurrency: number;
  /** A claim on a job without a heartbeat for this long is taken over. */
  jobSilentMs: number;
  batchSize: number;
  pollMs: number;
  /** How often the request log is looked through for what is too old. */
  requestLogMs?: number;
  /** How long after its expiry a lease is set aside: its gateway may only have been cut off for a moment. */
  quarantineGraceMs: number;
  log: Log;
};

const DISCOVER_MS = 200;
const QUARANTINE_MS = 5_000;
const CREDIT_MS = 10_000;
const REMAINDER_MS = 3_600_000;
const FILES_MS = 30_000;
const RESPONSES_MS = 60_000;
const REQUEST_LOG_MS = 60_000;

export async function startWorker(options: WorkerOptions): Promise<{ stop(): Promise<void> }> {
  const { log } = options;
  const database = openDatabase({
    url: options.databaseUrl,
    poolSize: options.databasePoolSize,
    applicationName: "baseload worker",
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    log,
  });
  const store = ledgerStore(database);
  const posting = new Posting({ ...options, database, store, clock: systemClock });
  await posting.discover();
  const files = new Files({
    database,
    folder: await FileFolder.open(options.files.folder),
    limits: options.files,
    clock: systemClock,
  });
  const jobs = jobsOf(options, { database, files });
  jobs.start();
  const expireFiles = () => files.expire();
  void expireFiles().catch((error: unknown) => log.warn("could not let files expire", { error }));
  const now = () => new Date(systemClock.nowMs());
  const timers = [
    every(DISCOVER_MS, { log, what: "look for journals" }, () => posting.discover()),
    every(QUARANTINE_MS, { log, what: "set expired leases aside" }, () =>
      store.quarantineExpired(new Date(systemClock.nowMs() - options.quarantineGraceMs)),
    ),
    every(CREDIT_MS, { log, what: "let credit expire" }, () => expireCredits(database, now())),
    every(FILES_MS, { log, what: "let files expire" }, expireFiles),
    every(RESPONSES_MS, { log, what: "let stored responses expire" }, async () => {
      while ((await deleteExpired(database)) > 0);
    }),
    every(
      options.requestLogMs ?? REQUEST_LOG_MS,
      { log, what: "empty the request log" },
      async () => {
        while ((await deleteOutdated(database, now())) > 0);
      },
    ),
    every(REMAINDER_MS, { log, what: "post remainders" }, () => postRemainders(database)),
  ];
  log.info("worker is ready");
  return {
    async stop() {
      await jobs.stop();
      await Promise.all(timers.map((timer) => timer.stop()));
      await posting.stop();
      await database.close();
      log.info("worker has stopped");
    },
  };
}

function jobsOf(
  options: WorkerOptions,
  { database, files }: { database: Database; files: Files },
): RunningJobs {
  const clock = systemClock;
  const { internalToken, batchConcurrency: concurrency, log } = options;
  const gateways = new Gateways({ runFolder: runFolderOf(options.home), internalToken, clock });
  const slots = new FairSlots(concurrency);
  return new RunningJobs({
    database,
    workerId: Bun.randomUUIDv7(),
    kinds: [
      batchKind({ files, gateways, clock, chance: Math.random, concurrency, slots }),
      responseKind(),
    ],
    fileStoreId: files.storeId,
    gateways,
    clock,
    log,
    silentMs: options.jobSilentMs,
  });
}
