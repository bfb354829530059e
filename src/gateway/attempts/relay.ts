/** Sends the answer on, and settles once however it ends. */
import type { Gateway } from "../gateway.ts";
import type { Answer } from "./ask-candidate.ts";
import { relayStream } from "./relay-stream.ts";
import { relayWhole } from "./relay-whole.ts";

export async function relay(gateway: Gateway, answer: Answer): Promise<Response> {
  const { opened } = answer;
  if (opened.kind === "stream") return relayStream(gateway, answer, opened.source);
  return await relayWhole(answer, opened.whole);
}
