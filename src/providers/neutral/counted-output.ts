import type { AnswerEvent, AnswerPart, NeutralAnswer } from "./answer.ts";

/** Average of common tokenizers on plain text. */
const BYTES_PER_TOKEN = 4;

/** The text that a model has generated, in UTF-8 bytes: what an estimate is made of where nobody reports usage. */
export function textBytesOfEvent(event: AnswerEvent): number {
  if (event.type === "tool_call_begin") return Buffer.byteLength(event.name);
  return "delta" in event ? Buffer.byteLength(event.delta) : 0;
}

export function tokensForBytes(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/** An estimate of a whole answer's output tokens. */
export function countedTokensOf(answer: NeutralAnswer): number {
  const parts = answer.choices.flatMap((choice) => choice.parts);
  return tokensForBytes(parts.reduce((sum, part) => sum + textBytesOfPart(part), 0));
}

function textBytesOfPart(part: AnswerPart): number {
  if (part.type !== "tool_call") return Buffer.byteLength(part.text);
  return Buffer.byteLength(part.name) + Buffer.byteLength(part.arguments);
}
