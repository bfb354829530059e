/** A whole answer: read to its end, settled, then sent with its cost in the headers. */
import { Failure } from "../../lib/errors.ts";
import { countedUsage, NO_USAGE } from "../../lib/quantities.ts";
import { readUnaryAnswer } from "../../providers/dialects/openai-chat/unary.ts";
import type { Gateway } from "../gateway.ts";
import {
  answerHeaders,
  brokenOff,
  costHeaders,
  countedWithin,
  toUsage,
  wentSilent,
} from "./answer-parts.ts";
import { type Answer, inBackground } from "./ask.ts";

export async function relayWhole(gateway: Gateway, answer: Answer): Promise<Response> {
  const { attempt, payment, response, call, stop } = answer;
  let isSilent = false;
  const silence = setTimeout(() => {
    isSilent = true;
    stop.abort();
  }, gateway.limits.silenceTimeoutMs);
  let whole: Awaited<ReturnType<typeof readUnaryAnswer>>;
  try {
    whole = await readUnaryAnswer(answer.candidate.upstream, response);
  } catch (error) {
    if (call.signal.aborted) {
      inBackground(gateway, attempt.settleUnreported("disconnected", { outputTokens: 0 }));
    } else {
      // Nothing of it reaches the client, so nothing of it is charged.
      await attempt.settle("failed", NO_USAGE);
    }
    if (isSilent) throw wentSilent(answer, error);
    throw error instanceof Failure ? error : brokenOff(answer, error);
  } finally {
    clearTimeout(silence);
  }
  const usage =
    toUsage(whole.usage) ??
    countedUsage({
      inputTokens: payment.inputTokensCounted,
      outputTokens: countedWithin(answer, whole.countedOutputTokens),
    });
  const settled = await attempt.settle("completed", usage);
  return new Response(whole.bytes as Uint8Array<ArrayBuffer>, {
    headers: {
      "content-type": response.headers.get("content-type") ?? "application/json",
      ...answerHeaders(answer),
      ...costHeaders(answer, settled),
    },
  });
}
