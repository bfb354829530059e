/** What waits for the worker. Only the database knows, so it is asked when somebody looks, and not more often than needed. */
import { countLinesLeft } from "../domains/batches/index.ts";
import { jobKinds, readQueueLengths } from "../domains/jobs/index.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Control } from "./control.ts";

/** A scrape waits no longer than this for the database; it shows the last numbers then. */
const TIMEOUT_MS = 1_000;
const FRESH_MS = 1_000;

/** @returns brings the numbers up to date; to be awaited before they are shown. */
export function queueMetrics(metrics: Metrics, control: Control): () => Promise<void> {
  const jobs = metrics.gauge({
    name: "baseload_jobs",
    help: "Batches and responses in the background that wait or run.",
    labels: ["kind", "state"],
  });
  const oldest = metrics.gauge({
    name: "baseload_job_oldest_waiting_seconds",
    help: "Age of the job that has waited longest; 0 when none waits.",
    labels: ["kind"],
  });
  const lines = metrics.gauge({
    name: "baseload_batch_lines_left",
    help: "Lines of batches under way that have no result yet.",
  });
  const update = async (): Promise<void> => {
    const { database } = control;
    const [queues, left] = await Promise.all([
      readQueueLengths(database),
      countLinesLeft(database),
    ]);
    for (const kind of jobKinds) {
      const queue = queues.find((one) => one.kind === kind);
      jobs.with({ kind, state: "waiting" }).set(queue?.waiting ?? 0);
      jobs.with({ kind, state: "running" }).set(queue?.running ?? 0);
      oldest.with({ kind }).set(queue?.oldestWaitingSeconds ?? 0);
    }
    lines.set(left);
  };
  let updatedMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = control.clock.monotonicMs();
    if (nowMs - updatedMs < FRESH_MS) return;
    updatedMs = nowMs;
    const updated = update().catch((error: unknown) =>
      control.log.warn("the queue could not be measured", { error }),
    );
    await Promise.race([updated, Bun.sleep(TIMEOUT_MS)]);
  };
}
