/** Parts that whole and streamed answers share: headers, comments, usage, and the failure of one cut off. */
import { Failure } from "../../lib/errors.ts";
import { usdFromPicos } from "../../lib/money.ts";
import type { Usage } from "../../lib/quantities.ts";
import type { WholeAnswer } from "../../providers/exchange.ts";
import type { ReadUsage } from "../../providers/neutral/answer.ts";
import { tokenBounds } from "../admit/reserve.ts";
import { CACHE_HEADER } from "../cache/cache-slot.ts";
import { callHeaders } from "../client-errors.ts";
import type { Answer, Leg } from "./ask-candidate.ts";
import type { Settled } from "./attempt.ts";

export const toUsage = (read: ReadUsage | undefined): Usage | undefined =>
  read === undefined ? undefined : { ...read, source: "provider" };

export const brokenOff = ({ candidate }: Leg, cause: unknown): Failure =>
  new Failure(
    "upstream",
    `The provider '${candidate.upstream.name}' broke off in the middle of its answer. Try again.`,
    { code: "provider_connection_lost", cause },
  );

export const wentSilent = ({ candidate }: Leg, cause: unknown): Failure =>
  new Failure(
    "timeout",
    `The provider '${candidate.upstream.name}' went silent in the middle of its answer. Try again.`,
    { code: "provider_timeout", cause },
  );

/** What we counted of the output: an estimate must not exceed what was asked for. */
export const countedWithin = (
  { payment, request, candidate }: Leg,
  outputTokens: number,
): number => {
  const { outputTokensMax } = tokenBounds(payment, candidate);
  return Math.min(outputTokens, outputTokensMax * request.choices);
};

/** As the provider said, or as we counted. */
export const usageOf = (leg: Leg, whole: WholeAnswer): Usage =>
  leg.attempt.billed(toUsage(whole.usage), {
    outputTokens: countedWithin(leg, whole.countedOutputTokens),
    counted: whole.counted,
  });

export const contentTypeOf = ({ response }: Answer, whole: WholeAnswer): string =>
  whole.contentType ?? response.headers.get("content-type") ?? "application/json";

/** Known when the answer begins. */
export function answerHeaders(answer: Answer): Record<string, string> {
  const { call, candidate, payment } = answer;
  return {
    ...callHeaders(call),
    "x-baseload-model": candidate.modelName,
    "x-baseload-provider": candidate.upstream.name,
    ...(candidate.region === null ? {} : { "x-baseload-region": candidate.region }),
    ...(answer.cacheSlot === undefined ? {} : { [CACHE_HEADER]: "miss" }),
    ...(payment.isLowered
      ? { "x-baseload-lowered-max-tokens": `${tokenBounds(payment, candidate).outputTokensMax}` }
      : {}),
  };
}

/** Known when the answer is settled: headers of a whole answer, comments at the end of a stream. */
export function costHeaders(answer: Answer, settled: Settled): Record<string, string> {
  if (answer.payment.hold === undefined) return { "x-baseload-cost": "0.00" };
  return settledHeaders(settled, answer.attempt.eventId);
}

export const settledHeaders = ({ cost }: Settled, eventId: string): Record<string, string> => ({
  "x-baseload-cost": usdFromPicos(cost),
  "x-baseload-transfer": eventId,
});

/** For the cache, whose place a call has: who made the answer. */
export const madeBy = ({ candidate }: Leg, contentType: string) => ({
  contentType,
  modelName: candidate.modelName,
  provider: candidate.upstream.name,
  region: candidate.region,
});
