/** The worker's side of the queue: claims jobs, keeps the claims, runs them, ends them. */
import {
  claimJobs,
  type End,
  endJob,
  giveJobsBack,
  heartbeat,
  type Job,
  releaseKept,
  sweepJobs,
  sweepKept,
} from "../../domains/jobs/index.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Database } from "../../platform/db/database.ts";
import { isDatabaseUnavailable } from "../../platform/db/unavailable.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import type { Log } from "../../platform/log.ts";
import { every, type Repeating } from "../../platform/timers.ts";
import { askOnce } from "./ask-once.ts";
import type { Gateways } from "./gateways.ts";
import type { JobContext, Kind } from "./kind.ts";

export type RunningJobsOptions = {
  database: Database;
  /** Who claims; a new one for each start of the process. */
  workerId: string;
  kinds: readonly Kind[];
  fileStoreId: string;
  gateways: Gateways;
  clock: Clock;
  log: Log;
  /** A claim without a heartbeat for this long is taken over. */
  silentMs: number;
};

const CLAIM_MS = 250;
const HEARTBEATS_PER_SILENCE = 8;
const SWEEP_MS = 2_000;
/** After an error, doubling with each further one. */
const FAILURE_BACKOFF = { firstMs: 1_000, maxMs: 300_000 };
/** Jobs leave when they are told to; what does not is left behind, and taken over later. */
const STOP_MS = 10_000;

type RunningJob = {
  job: Job;
  stop: AbortController;
  isCancelAsked: boolean;
  /** Its work is done; what is left is to say so. */
  isEnding: boolean;
  done: Promise<void>;
};

export class RunningJobs {
  readonly #options: RunningJobsOptions;
  readonly #running = new Map<string, RunningJob>();
  #timers: Repeating[] = [];

  constructor(options: RunningJobsOptions) {
    this.#options = options;
  }

  start(): void {
    const { log, silentMs } = this.#options;
    this.#timers = [
      every(CLAIM_MS, { log, what: "claim jobs" }, () => this.#claim()),
      every(silentMs / HEARTBEATS_PER_SILENCE, { log, what: "keep the claims of jobs" }, () =>
        this.#keepClaims(),
      ),
      every(SWEEP_MS, { log, what: "clear up after jobs" }, () => this.#sweep()),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#timers.map((timer) => timer.stop()));
    for (const { stop } of this.#running.values()) stop.abort();
    const all = Promise.all([...this.#running.values()].map(({ done }) => done));
    await Promise.race([all, Bun.sleep(STOP_MS)]);
    const { database, workerId, log } = this.#options;
    await giveJobsBack(database, workerId).catch((error: unknown) =>
      log.warn("the jobs of this worker could not be given back; they fall silent", { error }),
    );
  }

  async #claim(): Promise<void> {
    const { database, workerId, fileStoreId, silentMs, kinds } = this.#options;
    for (const kind of kinds) {
      const own = [...this.#running.values()].filter(({ job }) => job.kind === kind.kind);
      const jobs = await claimJobs(database, {
        workerId,
        kind: kind.kind,
        fileStoreId,
        limit: kind.places - own.length,
        perOrganizationMax: kind.perOrganizationMax,
        silentMs,
        notJobIds: own.map(({ job }) => job.jobId),
      });
      for (const job of jobs) this.#begin(kind, job);
    }
  }

  #begin(kind: Kind, job: Job): void {
    const running: RunningJob = {
      job,
      stop: new AbortController(),
      isCancelAsked: job.isCancelAsked,
      isEnding: false,
      done: Promise.resolve(),
    };
    this.#running.set(job.jobId, running);
    running.done = this.#run(kind, running).finally(() => this.#running.delete(job.jobId));
  }

  async #run(kind: Kind, running: RunningJob): Promise<void> {
    const { database, workerId, log } = this.#options;
    const { job, stop } = running;
    try {
      const end = await this.#endOf(kind, running);
      if (stop.signal.aborted) return;
      running.isEnding = true;
      // First: whoever claims the job again, should we die now, ends it at once.
      if ("state" in end) await releaseKept(database, job.jobId);
      faultPoint("worker: job done, not ended");
      await endJob(database, { jobId: job.jobId, workerId, end });
    } catch (error) {
      // The claim falls silent, and the job is taken over, by us or by another worker.
      log.warn("a job could not be ended; it will run again", { jobId: job.jobId, error });
    }
  }

  async #endOf(kind: Kind, running: RunningJob): Promise<End> {
    const { log } = this.#options;
    const { job } = running;
    const context = this.#contextOf(running);
    try {
      return await kind.run(job, context);
    } catch (error) {
      if (isDatabaseUnavailable(error)) return { againInMs: FAILURE_BACKOFF.firstMs };
      log.error("a job ended in an error", { jobId: job.jobId, kind: job.kind, error });
      if (job.failures < kind.failuresMax) {
        return { againInMs: backoffMs(FAILURE_BACKOFF, job.failures + 1, 1), hasFailed: true };
      }
      await kind.giveUp(job, context);
      return { state: "failed" };
    }
  }

  #contextOf(running: RunningJob): JobContext {
    const { database, workerId, gateways, clock, log } = this.#options;
    const { signal } = running.stop;
    const isCancelAsked = () => running.isCancelAsked;
    return {
      database,
      workerId,
      log: log.child({ jobId: running.job.jobId }),
      signal,
      isCancelAsked,
      askOnce: (call) =>
        askOnce({ database, gateways, clock, signal, workerId, isCancelAsked }, running.job, call),
    };
  }

  async #keepClaims(): Promise<void> {
    const { database, workerId, log } = this.#options;
    const asked = [...this.#running].filter(([, { isEnding }]) => !isEnding);
    if (asked.length === 0) return;
    const ids = asked.map(([jobId]) => jobId);
    const own = await heartbeat(database, workerId, ids);
    for (const [jobId, running] of asked) {
      const found = own.get(jobId);
      if (found !== undefined) running.isCancelAsked = found.isCancelAsked;
      else if (!running.isEnding) {
        log.warn("a job was taken over by another worker", { jobId });
        running.stop.abort();
      }
    }
  }

  async #sweep(): Promise<void> {
    const { database } = this.#options;
    while ((await sweepKept(database)) > 0);
    await sweepJobs(database);
  }
}
