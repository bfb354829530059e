/** Parts that whole and streamed answers share: headers, comments, usage, and the failure of one cut off. */
import { Failure } from "../../lib/errors.ts";
import { usdFromPicos } from "../../lib/money.ts";
import type { Usage } from "../../lib/quantities.ts";
import { readUsage } from "../../providers/dialects/openai-chat/usage.ts";
import type { Answer } from "./ask.ts";
import type { Settled } from "./attempt.ts";

export function toUsage(wire: unknown): Usage | undefined {
  const quantities = readUsage(wire);
  return quantities === undefined ? undefined : { quantities, source: "provider", raw: wire };
}

export const brokenOff = (answer: Answer, cause: unknown): Failure =>
  new Failure(
    "upstream",
    `The provider '${answer.candidate.upstream.name}' broke off in the middle of its answer. Try again.`,
    { code: "provider_connection_lost", cause },
  );

export const wentSilent = (answer: Answer, cause: unknown): Failure =>
  new Failure(
    "timeout",
    `The provider '${answer.candidate.upstream.name}' went silent in the middle of its answer. Try again.`,
    { code: "provider_timeout", cause },
  );

/** What we counted of the output: an estimate must not exceed what was asked for. */
export const countedWithin = ({ payment, request }: Answer, outputTokens: number): number =>
  Math.min(outputTokens, payment.outputTokensMax * request.choices);

/** Known when the answer begins. */
export function answerHeaders(answer: Answer): Record<string, string> {
  const { call, plan, candidate, payment } = answer;
  return {
    "x-request-id": call.requestId,
    "x-baseload-model": plan.modelName,
    "x-baseload-provider": candidate.upstream.name,
    ...(candidate.region === null ? {} : { "x-baseload-region": candidate.region }),
    ...(payment.isLowered ? { "x-baseload-lowered-max-tokens": `${payment.outputTokensMax}` } : {}),
  };
}

/** Known when the answer is settled: headers of a whole answer, comments at the end of a stream. */
export function costHeaders(answer: Answer, settled: Settled): Record<string, string> {
  if (answer.payment.hold === undefined) return { "x-baseload-cost": "0.00" };
  return {
    "x-baseload-cost": usdFromPicos(settled.cost),
    "x-baseload-transfer": answer.attempt.eventId,
  };
}
