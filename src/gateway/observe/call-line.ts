/** A call as one line: who called what, who answered, how it ended, what it cost. Nothing of what was said. */
import { usdFromPicos, ZERO_PICOS } from "../../lib/money.ts";
import { inputTokensOf, outputTokensOf } from "../../lib/quantities.ts";
import { type CallObservation, decisiveAttempt } from "./observation.ts";

export function toCallLine(call: CallObservation): Record<string, unknown> {
  const { principal, attempts, failure } = call;
  const attempt = decisiveAttempt(call);
  const quantities = attempt?.usage?.quantities ?? {};
  const cost = attempts.reduce((sum, one) => sum + (one.cost ?? ZERO_PICOS), 0n);
  return {
    time: new Date(call.startedAtMs).toISOString(),
    request_id: call.requestId,
    method: call.method,
    path: call.path,
    status: call.status,
    ...(failure === undefined ? {} : { error: failure.code ?? failure.kind }),
    organization: principal?.organization,
    project: principal?.project,
    key: principal?.keyId,
    operation: call.operation,
    called: call.called,
    stream: call.operation === undefined ? undefined : call.isStream,
    model: attempt?.model,
    provider: attempt?.provider,
    region: attempt?.region ?? undefined,
    attempts: call.operation === undefined ? undefined : attempts.length,
    input_tokens: attempt && inputTokensOf(quantities),
    cached_input_tokens: attempt && (quantities.cache_read ?? 0),
    output_tokens: attempt && outputTokensOf(quantities),
    cost_usd: attempt && usdFromPicos(cost as typeof ZERO_PICOS),
    cache: call.isCacheHit ? "hit" : undefined,
    first_piece_ms: attempt?.firstPieceMs && Math.round(attempt.firstPieceMs),
    duration_ms: Math.round(call.endedAtMs - call.startedAtMs),
  };
}
