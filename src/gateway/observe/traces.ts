/**
 * Calls as traces: a span for the call, and one for each attempt below it, by the GenAI conventions of OpenTelemetry:
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/. No prompts and no answers are in them.
 *
 * Spans are made when a call has ended, from what was noted of it, so that nothing of this lies on a call's path; a
 * collector that is away costs spans, never calls. Where and how they are sent is told by the usual variables
 * (`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`, `…_TIMEOUT`).
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { type Picos, usdFromPicos } from "../../lib/money.ts";
import { inputTokensOf, outputTokensOf, type Quantities } from "../../lib/quantities.ts";
import { version } from "../../platform/version.ts";
import {
  type AttemptObservation,
  type CallObservation,
  decisiveAttempt,
  type Observer,
} from "./observation.ts";

export type TracesOptions = {
  gatewayId: string;
  serviceName: string;
  /** Of calls whose client has not decided, from 0 to 1. */
  sample: number;
};

/** Some seconds of a busy gateway; what comes beyond is dropped by the processor. */
const QUEUE_SPANS_MAX = 8_192;
const EXPORT_TIMEOUT_MS = 10_000;

export function startTraces(options: TracesOptions): Observer & { stop(): Promise<void> } {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": options.serviceName,
      "service.version": version,
      "service.instance.id": options.gatewayId,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sample) }),
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter(), {
        maxQueueSize: QUEUE_SPANS_MAX,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer("baseload", version);
  return {
    ended: (call) => traceCall(tracer, call),
    stop: () => provider.shutdown(),
  };
}

function traceCall(tracer: Tracer, call: CallObservation): void {
  const span = tracer.startSpan(
    call.operation === undefined
      ? `${call.method} ${call.path}`
      : `${call.operation} ${call.called}`,
    { kind: SpanKind.SERVER, startTime: call.startedAtMs, attributes: attributesOfCall(call) },
    parentOf(call.traceparent),
  );
  if (call.failure !== undefined) fail(span, call.failure.code ?? call.failure.kind);
  if (span.isRecording()) {
    const below = trace.setSpan(ROOT_CONTEXT, span);
    for (const attempt of call.attempts) traceAttempt(tracer, below, { call, attempt });
  }
  span.end(call.endedAtMs);
}

function traceAttempt(
  tracer: Tracer,
  below: Context,
  { call, attempt }: { call: CallObservation; attempt: AttemptObservation },
): void {
  const span = tracer.startSpan(
    `${call.operation} ${attempt.upstreamModel}`,
    {
      kind: SpanKind.CLIENT,
      startTime: attempt.startedAtMs,
      attributes: attributesOfAttempt(call, attempt),
    },
    below,
  );
  if (attempt.failure !== undefined) fail(span, attempt.failure.code ?? attempt.failure.kind);
  span.end(attempt.endedAtMs ?? call.endedAtMs);
}

function fail(span: Span, errorType: string): void {
  span.setAttribute("error.type", errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function attributesOfCall(call: CallObservation): Attributes {
  const { principal } = call;
  const answering = decisiveAttempt(call);
  return {
    "http.request.method": call.method,
    "url.path": call.path,
    "http.response.status_code": call.status,
    "baseload.request.id": call.requestId,
    ...(principal && {
      "baseload.organization": principal.organization,
      "baseload.project": principal.project,
      "baseload.key.id": principal.keyId,
    }),
    ...(call.operation && { "gen_ai.operation.name": call.operation }),
    ...(call.called && { "gen_ai.request.model": call.called }),
    ...(answering && { "gen_ai.provider.name": answering.provider, ...usageOf(answering) }),
  };
}

const attributesOfAttempt = (call: CallObservation, attempt: AttemptObservation): Attributes => ({
  "gen_ai.operation.name": call.operation,
  "gen_ai.provider.name": attempt.provider,
  "gen_ai.request.model": attempt.model,
  "gen_ai.response.model": attempt.upstreamModel,
  "baseload.attempt.id": attempt.eventId,
  "baseload.attempt.number": attempt.number,
  "baseload.attempt.outcome": attempt.outcome ?? "open",
  ...(attempt.region === null ? {} : { "baseload.region": attempt.region }),
  ...(attempt.firstPieceMs === undefined
    ? {}
    : { "gen_ai.server.time_to_first_token": attempt.firstPieceMs / 1_000 }),
  ...usageOf(attempt),
});

function usageOf({ usage, cost }: { usage: AttemptObservation["usage"]; cost: Picos | undefined }) {
  if (usage === undefined) return {};
  const { quantities } = usage;
  return {
    "gen_ai.usage.input_tokens": inputTokensOf(quantities),
    "gen_ai.usage.output_tokens": outputTokensOf(quantities),
    ...cachedOf(quantities),
    "baseload.usage.source": usage.source,
    ...(cost === undefined ? {} : { "baseload.cost.usd": usdFromPicos(cost) }),
  };
}

const cachedOf = ({ cache_read, reasoning }: Quantities): Attributes => ({
  ...(cache_read === undefined ? {} : { "gen_ai.usage.cache_read.input_tokens": cache_read }),
  ...(reasoning === undefined ? {} : { "gen_ai.usage.reasoning.output_tokens": reasoning }),
});

/** https://www.w3.org/TR/trace-context/#traceparent-header; what does not look like one is no parent. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const NOBODY = /^0+$/;

function parentOf(traceparent: string | null): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  const isValid = traceId !== undefined && spanId !== undefined && !NOBODY.test(traceId);
  if (!isValid || NOBODY.test(spanId)) return ROOT_CONTEXT;
  const isSampled = (Number.parseInt(flags ?? "0", 16) & TraceFlags.SAMPLED) !== 0;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  });
}
