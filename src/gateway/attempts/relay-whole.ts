/** A whole answer: settled, then sent with its cost in the headers. */
import type { WholeAnswer } from "../../providers/exchange.ts";
import { answerHeaders, contentTypeOf, costHeaders, madeBy, usageOf } from "./answer-parts.ts";
import type { Answer } from "./ask-candidate.ts";

export async function relayWhole(answer: Answer, whole: WholeAnswer): Promise<Response> {
  const { attempt, deadline, request, call } = answer;
  deadline.end();
  const settled = await attempt.settle("completed", usageOf(answer, whole));
  await request.onAnswered?.(whole.bytes);
  const contentType = contentTypeOf(answer, whole);
  call.seen?.record?.answered(whole.bytes, contentType);
  answer.cacheSlot?.add(whole.bytes);
  answer.cacheSlot?.keep(madeBy(answer, contentType));
  return new Response(whole.bytes as Uint8Array<ArrayBuffer>, {
    headers: {
      "content-type": contentType,
      ...answerHeaders(answer),
      ...costHeaders(answer, settled),
    },
  });
}
