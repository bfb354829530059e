/** What the control plane counts. Operations are a closed set, so the number of series is bounded. */
import { durationBucketsSeconds, type Metrics } from "../platform/metrics.ts";

export type ControlMetrics = {
  observe(request: { operation: string; status: number; durationMs: number }): void;
};

export function controlMetrics(metrics: Metrics): ControlMetrics {
  const requests = metrics.counter({
    name: "baseload_control_requests_total",
    help: "Requests to the control plane, by operation and status.",
    labels: ["operation", "status"],
  });
  const durations = metrics.histogram({
    name: "baseload_control_request_duration_seconds",
    help: "Time from the arrival of a request to its answer.",
    labels: ["operation"],
    buckets: durationBucketsSeconds,
  });
  return {
    observe({ operation, status, durationMs }) {
      requests.with({ operation, status: String(status) }).add();
      durations.with({ operation }).observe(durationMs / 1_000);
    },
  };
}
