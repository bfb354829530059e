/** The answer to a call of a job: kept, then settled. Whoever asked reads it in the database. */
import { Failure } from "../../lib/errors.ts";
import { NO_USAGE } from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import type { WholeAnswer } from "../../providers/exchange.ts";
import { contentTypeOf, usageOf } from "../attempts/answer-parts.ts";
import type { Answer } from "../attempts/ask-candidate.ts";
import type { Gateway } from "../gateway.ts";
import type { Work } from "./work.ts";

export async function keepWhole(
  gateway: Gateway,
  answer: Answer,
  { whole, work }: { whole: WholeAnswer; work: Work },
): Promise<Response> {
  const { attempt, payment, call, deadline } = answer;
  deadline.end();
  const usage = usageOf(answer, whole);
  const contentType = contentTypeOf(answer, whole);
  const isKept = await gateway.kept.keep({
    requestId: call.requestId,
    attempt: attempt.number,
    isBilled: payment.hold !== undefined,
    body: whole.bytes,
    contentType,
    usage,
  });
  call.seen?.record?.answered(whole.bytes, contentType);
  faultPoint("gateway: answer kept");
  if (!isKept) {
    await attempt.settle("failed", NO_USAGE);
    throw new Failure("conflict", "Nobody waits for this run any more; it is not charged.", {
      code: "run_given_up",
    });
  }
  await attempt.settle("completed", usage);
  work.isDone = true;
  return new Response(null, { status: 204, headers: { "x-baseload-kept": "true" } });
}
