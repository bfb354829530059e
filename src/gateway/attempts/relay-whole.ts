/** A whole answer: settled, then sent with its cost in the headers. */
import { countedUsage } from "../../lib/quantities.ts";
import type { WholeAnswer } from "../../providers/exchange.ts";
import { answerHeaders, costHeaders, countedWithin, toUsage } from "./answer-parts.ts";
import type { Answer } from "./ask-candidate.ts";

export async function relayWhole(answer: Answer, whole: WholeAnswer): Promise<Response> {
  const { attempt, payment, response, deadline } = answer;
  deadline.end();
  const usage =
    toUsage(whole.usage) ??
    countedUsage({
      inputTokens: payment.inputTokensCounted,
      outputTokens: countedWithin(answer, whole.countedOutputTokens),
    });
  const settled = await attempt.settle("completed", usage);
  return new Response(whole.bytes as Uint8Array<ArrayBuffer>, {
    headers: {
      "content-type":
        whole.contentType ?? response.headers.get("content-type") ?? "application/json",
      ...answerHeaders(answer),
      ...costHeaders(answer, settled),
    },
  });
}
