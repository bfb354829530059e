import type { WholeAnswer } from "../../exchange.ts";
import { readAnswer } from "../../read-answer.ts";
import type { Upstream } from "../../upstream.ts";
import { listIn, tokensForBytes } from "../openai-chat/wire.ts";
import { textBytesOf } from "./message-tap.ts";
import { toUsage } from "./usage.ts";

/** A whole message for a client of the same dialect: its bytes pass untouched. */
export async function readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
  const { bytes, body } = await readAnswer(upstream, response);
  const textBytes = listIn(body["content"]).reduce((sum, block) => sum + textBytesOf(block), 0);
  return {
    bytes,
    usage: toUsage(body["usage"]),
    countedOutputTokens: tokensForBytes(textBytes),
  };
}
