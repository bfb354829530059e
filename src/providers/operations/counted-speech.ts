/** What speaking a text uses, where nobody says: its characters exactly, seconds and tokens by usual speed. */
import type { JsonObject } from "../../lib/json.ts";
import type { Quantities } from "../../lib/quantities.ts";
import { tokensForBytes } from "../dialects/openai-chat/wire.ts";

/** About 150 words in a minute. */
const CHARACTERS_PER_SECOND = 14;
/** Of OpenAI's speech models: 1,250 tokens are a minute. */
const TOKENS_PER_SECOND = 21;

export function countedSpeech(body: JsonObject): Quantities[] {
  const { input, instructions, speed } = body;
  const text = typeof input === "string" ? input : "";
  const direction = typeof instructions === "string" ? instructions : "";
  const seconds = text.length / CHARACTERS_PER_SECOND / (typeof speed === "number" ? speed : 1);
  return [
    { characters: charactersOf(text) },
    { audio_seconds: Math.ceil(seconds) },
    {
      uncached_input: tokensForBytes(Buffer.byteLength(text) + Buffer.byteLength(direction)),
      audio_output: Math.ceil(seconds * TOKENS_PER_SECOND),
    },
  ];
}

/** Unicode characters, not UTF-16 units: what price lists count. */
export function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
