/** The background process: posts journals, sets expired leases aside, lets credit expire. */
import { expireCredits, ledgerStore, postRemainders } from "../domains/ledger/index.ts";
import { systemClock } from "../lib/clock.ts";
import { ANSWER_TIMEOUT_MS, openDatabase } from "../platform/db/database.ts";
import type { Log } from "../platform/log.ts";
import { every } from "../platform/timers.ts";
import { Posting } from "./post-journals.ts";

export type WorkerOptions = {
  home: string;
  databaseUrl: string;
  databasePoolSize: number;
  sealKey: string;
  batchSize: number;
  pollMs: number;
  /** How long after its expiry a lease is set aside: its gateway may only have been cut off for a moment. */
  quarantineGraceMs: number;
  log: Log;
};

const DISCOVER_MS = 200;
const QUARANTINE_MS = 5_000;
const CREDIT_MS = 10_000;
const REMAINDER_MS = 3_600_000;

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
  const now = () => new Date(systemClock.nowMs());
  const timers = [
    every(DISCOVER_MS, { log, what: "look for journals" }, () => posting.discover()),
    every(QUARANTINE_MS, { log, what: "set expired leases aside" }, () =>
      store.quarantineExpired(new Date(systemClock.nowMs() - options.quarantineGraceMs)),
    ),
    every(CREDIT_MS, { log, what: "let credit expire" }, () => expireCredits(database, now())),
    every(REMAINDER_MS, { log, what: "post remainders" }, () => postRemainders(database)),
  ];
  log.info("worker is ready");
  return {
    async stop() {
      await Promise.all(timers.map((timer) => timer.stop()));
      await posting.stop();
      await database.close();
      log.info("worker has stopped");
    },
  };
}
