/**
 * Calls as Prometheus sees them, with the names and labels of the GenAI conventions of OpenTelemetry, dots turned into
 * underscores: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
 */
import { inputTokensOf, outputTokensOf } from "../../lib/quantities.ts";
import {
  durationBucketsSeconds,
  type Histogram,
  type Labels,
  type Metrics,
} from "../../platform/metrics.ts";
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
  const ofCalls = new Bound((call: CallObservation, decisive: AttemptObservation | undefined) => {
    const named = namesOf(call, decisive);
    return {
      duration: duration.with({ ...named, error_type: call.failure?.code ?? "" }),
      firstToken: firstToken.with(named),
    };
  });
  const ofAttempts = new Bound((call: CallObservation, attempt: AttemptObservation | undefined) => {
    const named = namesOf(call, attempt);
    return {
      count: attempts.with({
        provider: attempt?.provider ?? "",
        outcome: attempt?.outcome ?? "open",
        error_type: attempt?.failure?.code ?? "",
      }),
      input: tokens.with({ ...named, gen_ai_token_type: "input" }),
      output: tokens.with({ ...named, gen_ai_token_type: "output" }),
    };
  });
  return {
    ended(call) {
      if (call.operation === undefined) return;
      const decisive = decisiveAttempt(call);
      const series = ofCalls.of(call, decisive, call.failure?.code);
      series.duration.observe((call.endedAtMs - call.startedAtMs) / MS);
      if (call.isStream && decisive?.firstPieceMs !== undefined) {
        const waitedMs = decisive.startedAtMs - call.startedAtMs + decisive.firstPieceMs;
        series.firstToken.observe(waitedMs / MS);
      }
      for (const attempt of call.attempts) {
        const ofAttempt = ofAttempts.of(call, attempt, attempt.failure?.code);
        ofAttempt.count.add(1);
        const quantities = attempt.usage?.quantities ?? {};
        observeSome(ofAttempt.input, inputTokensOf(quantities));
        observeSome(ofAttempt.output, outputTokensOf(quantities));
      }
    },
  };
}

/** What used none is no observation of zero tokens. */
function observeSome(histogram: Histogram, count: number): void {
  if (count > 0) histogram.observe(count);
}

/** Names are few and calls are many: making a series' labels once saves several microseconds for each call. */
const BOUND_MAX = 2_000;

class Bound<T> {
  readonly #bind: (call: CallObservation, attempt: AttemptObservation | undefined) => T;
  readonly #bound = new Map<string, T>();

  constructor(bind: (call: CallObservation, attempt: AttemptObservation | undefined) => T) {
    this.#bind = bind;
  }

  of(
    call: CallObservation,
    attempt: AttemptObservation | undefined,
    errorCode: string | undefined,
  ): T {
    const { operation } = call;
    const key = `${operation}|${attempt?.provider}|${attempt?.model}|${attempt?.outcome}|${errorCode}`;
    const found = this.#bound.get(key);
    if (found !== undefined) return found;
    if (this.#bound.size >= BOUND_MAX) this.#bound.clear();
    const made = this.#bind(call, attempt);
    this.#bound.set(key, made);
    return made;
  }
}

const namesOf = (call: CallObservation, attempt: AttemptObservation | undefined): Labels => ({
  gen_ai_operation_name: call.operation ?? "",
  gen_ai_provider_name: attempt?.provider ?? "",
  // What a client calls something that does not exist would be a label of its own choosing.
  gen_ai_request_model: attempt?.model ?? "",
});
