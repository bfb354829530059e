/** What a gateway process counts. Labels are closed sets, so that the number of series is bounded. */
import type { Outcome } from "../../domains/metering/index.ts";
import { type FailureKind, failureKinds } from "../../lib/errors.ts";
import type { Counter, Gauge, Labelled, Metrics } from "../../platform/metrics.ts";

export type GatewayMetrics = {
  callsInFlight: Gauge;
  holdsExceeded: Counter;
  unpriced: Counter;
  cacheHits: Counter;
  requestLogWritten: Counter;
  requestLogDropped: Counter;
  countFailure(kind: FailureKind | "bug"): void;
  countAttempt(outcome: Outcome, tokens: { input: number; output: number }): void;
};

const outcomes = ["completed", "disconnected", "failed", "interrupted"] as const;

export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  const failures = metrics.counter({
    name: "baseload_failures_total",
    help: "Calls answered with an error, by kind",
    labels: ["kind"],
  });
  const attempts = metrics.counter({
    name: "baseload_attempts_total",
    help: "Settled attempts, by outcome",
    labels: ["outcome"],
  });
  const tokens = metrics.counter({
    name: "baseload_tokens_total",
    help: "Tokens of settled attempts, by direction",
    labels: ["direction"],
  });
  const byKind = bindAll(failures, "kind", [...Object.keys(failureKinds), "bug"]);
  const byOutcome = bindAll(attempts, "outcome", outcomes);
  const byDirection = bindAll(tokens, "direction", ["input", "output"]);
  return {
    callsInFlight: metrics.gauge({
      name: "baseload_calls_in_flight",
      help: "Calls whose answer has not begun yet",
    }),
    holdsExceeded: metrics.counter({
      name: "baseload_holds_exceeded_total",
      help: "Calls that cost more than their upper bound; the platform bears the rest",
    }),
    cacheHits: metrics.counter({
      name: "baseload_cache_hits_total",
      help: "Calls that were answered from the response cache",
    }),
    requestLogWritten: metrics.counter({
      name: "baseload_request_log_written_total",
      help: "Calls that were written into the request log",
    }),
    requestLogDropped: metrics.counter({
      name: "baseload_request_log_dropped_total",
      help: "Calls that should be in the request log and are not",
    }),
    unpriced: metrics.counter({
      name: "baseload_unpriced_usage_total",
      help: "Attempts whose provider reported a quantity that has no price; it is not charged",
    }),
    countFailure: (kind) => byKind.get(kind)?.add(1),
    countAttempt(outcome, count) {
      byOutcome.get(outcome)?.add(1);
      byDirection.get("input")?.add(count.input);
      byDirection.get("output")?.add(count.output);
    },
  };
}

/** Bound once, so that counting is an addition. */
const bindAll = (metric: Labelled<Counter>, label: string, values: readonly string[]) =>
  new Map(values.map((value) => [value, metric.with({ [label]: value })]));
