import type { JsonObject } from "../../../lib/json.ts";
import type { WholeAnswer } from "../../exchange.ts";
import { countedTokensOf } from "../../neutral/counted-output.ts";
import { readAnswer } from "../../read-answer.ts";
import type { Upstream } from "../../upstream.ts";
import { failureFromErrorObject } from "../../upstream-failure.ts";
import { decodeAnswer } from "./decode-answer.ts";
import { usageOf } from "./usage.ts";

/** A whole answer for a client of the same dialect: its bytes pass untouched. */
export async function readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
  const { bytes, body } = await readAnswer(upstream, response);
  assertAnswered(upstream, body);
  return {
    bytes,
    usage: usageOf(body),
    countedOutputTokens: countedTokensOf(decodeAnswer(body)),
  };
}

/** Failed responses come under status 200, and not every server says why. */
function assertAnswered(upstream: Upstream, { status }: JsonObject): void {
  if (status !== "failed" && status !== "cancelled") return;
  throw failureFromErrorObject(upstream, { message: `the response is ${status}` });
}
