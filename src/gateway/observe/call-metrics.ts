/**
 * Calls as Prometheus sees them, with the names and labels of the GenAI conventions of OpenTelemetry, dots turned into
 * underscores: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
 */
import { inputTokensOf, outputTokensOf } from "../../lib/quantities.ts";
import { durationBucketsSeconds, type Labels, type Metrics } from "../../platform/metrics.ts";
import {
  type AttemptObservation,
  type CallObservation,
  decisiveAttempt,
  type Observer,
} from "./observation.ts";

/** As the conventions recommend. */
const TOKEN_BUCKETS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];
const MS = 1_000;

/** Names come from operators, not from clients; `Metrics` bounds the number of series all the same. */
const labels = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"] as const;

export function observeMetrics(metrics: Metrics): Observer {
  const duration = metrics.histogram({
    name: "gen_ai_server_request_duration_seconds",
    help: "From the first byte of a request to the last of its answer",
    labels: [...labels, "error_type"],
    buckets: durationBucketsSeconds,
  });
  const firstToken = metrics.histogram({
    name: "gen_ai_server_time_to_first_token_seconds",
    help: "From the request to the first piece of a stream",
    labels,
    buckets: durationBucketsSeconds,
  });
  const tokens = metrics.histogram({
    name: "gen_ai_client_token_usage",
    help: "Tokens of attempts, by type",
    labels: [...labels, "gen_ai_token_type"],
    buckets: TOKEN_BUCKETS,
  });
  const attempts = metrics.counter({
    name: "baseload_provider_attempts_total",
    help: "Attempts by provider and how they ended",
    labels: ["provider", "outcome", "error_type"],
  });
  return {
    ended(call) {
      if (call.operation === undefined) return;
      const decisive = decisiveAttempt(call);
      const named = namesOf(call, decisive);
      const tookS = (call.endedAtMs - call.startedAtMs) / MS;
      duration.with({ ...named, error_type: call.failure?.code ?? "" }).observe(tookS);
      if (call.isStream && decisive?.firstPieceMs !== undefined) {
        const waitedMs = decisive.startedAtMs - call.startedAtMs + decisive.firstPieceMs;
        firstToken.with(named).observe(waitedMs / MS);
      }
      for (const attempt of call.attempts) {
        const { provider, outcome = "open", failure, usage } = attempt;
        attempts.with({ provider, outcome, error_type: failure?.code ?? "" }).add(1);
        if (usage === undefined) continue;
        const of = (type: string, count: number) => {
          if (count > 0) {
            tokens.with({ ...namesOf(call, attempt), gen_ai_token_type: type }).observe(count);
          }
        };
        of("input", inputTokensOf(usage.quantities));
        of("output", outputTokensOf(usage.quantities));
      }
    },
  };
}

const namesOf = (call: CallObservation, attempt: AttemptObservation | undefined): Labels => ({
  gen_ai_operation_name: call.operation ?? "",
  gen_ai_provider_name: attempt?.provider ?? "",
  // What a client calls something that does not exist would be a label of its own choosing.
  gen_ai_request_model: attempt?.model ?? "",
});
