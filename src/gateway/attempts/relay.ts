/** Sends the answer on, and settles once however it ends. */
import type { Gateway } from "../gateway.ts";
import { keepWhole } from "../work/keep-whole.ts";
import type { Answer } from "./ask-candidate.ts";
import { relayStream } from "./relay-stream.ts";
import { relayWhole } from "./relay-whole.ts";

export async function relay(gateway: Gateway, answer: Answer): Promise<Response> {
  const { opened, call } = answer;
  if (opened.kind === "stream") return relayStream(gateway, answer, opened.source);
  if (call.work !== undefined) {
    return await keepWhole(gateway, answer, { whole: opened.whole, work: call.work });
  }
  return await relayWhole(answer, opened.whole);
}
