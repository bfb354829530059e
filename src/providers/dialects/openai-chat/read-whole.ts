import type { WholeAnswer } from "../../exchange.ts";
import { readAnswer } from "../../read-answer.ts";
import type { Upstream } from "../../upstream.ts";
import { toUsage, usageIn } from "./decode-answer.ts";
import { listIn, textBytesOf, tokensForBytes } from "./wire.ts";

/** A whole answer for a client of the same dialect: its bytes pass untouched. */
export async function readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
  const { bytes, body } = await readAnswer(upstream, response);
  const choices = listIn(body["choices"]);
  const textBytes = choices.reduce((sum, choice) => sum + textBytesOf(choice["message"]), 0);
  return {
    bytes,
    usage: toUsage(usageIn(body, choices)),
    countedOutputTokens: tokensForBytes(textBytes),
  };
}
