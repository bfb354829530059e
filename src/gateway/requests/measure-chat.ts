/** How many tokens a chat request can be at most, and about how many it is. */
import type { JsonObject } from "../../lib/json.ts";
import { FILE_TOKENS_MAX } from "./measure-items.ts";
import {
  AUDIO_BYTES_PER_TOKEN,
  BYTES_PER_TOKEN,
  CONTEXT_TOKENS_MAX,
  IMAGE_TOKENS_MAX,
  IMAGE_TOKENS_USUAL,
  TEMPLATE_TOKENS_MAX,
} from "./token-bounds.ts";

/** About what a film, a recording or a document is that is fetched by its address. */
const FETCHED_TOKENS_USUAL = 10_000;

/** What is text, however long: its bytes bound it. */
const TEXT_PARTS: ReadonlySet<string> = new Set(["text", "input_text", "refusal", "thinking"]);
/** What runs at the client: its words are all that is read. */
const CLIENT_TOOLS: ReadonlySet<string> = new Set(["function", "custom"]);

type Part = { type: string } & JsonObject;
type Message = { content?: string | readonly Part[] | null | undefined };

export type Measured = { tokensMax: number; tokensCounted: number };

/** `bytes`: of the whole body. */
export function measureChat(
  bytes: number,
  { messages, tools }: { messages: readonly Message[]; tools: readonly JsonObject[] },
): Measured {
  const parts = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const media = parts.map(measurePart);
  // What a provider's own tools find is read, too.
  const isSearching = tools.some(({ type }) => !CLIENT_TOOLS.has(String(type)));
  const sum = (field: keyof Media) => media.reduce((total, one) => total + one[field], 0);
  const textBytes = bytes - sum("bytes");
  return {
    tokensMax:
      textBytes + TEMPLATE_TOKENS_MAX + sum("tokensMax") + (isSearching ? CONTEXT_TOKENS_MAX : 0),
    tokensCounted: Math.ceil(textBytes / BYTES_PER_TOKEN) + sum("tokensCounted"),
  };
}

/** Of a part whose data is no text: its length in the body, and what it can be in tokens. */
type Media = { bytes: number; tokensMax: number; tokensCounted: number };

const TEXT: Media = { bytes: 0, tokensMax: 0, tokensCounted: 0 };
/** Films, and what is not known here: nothing in the request bounds it but the model's context. */
const UNBOUNDED: Media = {
  bytes: 0,
  tokensMax: CONTEXT_TOKENS_MAX,
  tokensCounted: FETCHED_TOKENS_USUAL,
};

/** Pictures and sound come as long texts that are no text: they are measured apart. */
function measurePart(part: Part): Media {
  if (TEXT_PARTS.has(part.type)) return TEXT;
  if (part.type === "image_url") {
    const bytes = textIn(part["image_url"], "url").length;
    return { bytes, tokensMax: IMAGE_TOKENS_MAX, tokensCounted: IMAGE_TOKENS_USUAL };
  }
  if (part.type === "input_audio") return measureSound(textIn(part["input_audio"], "data"));
  if (part.type !== "file") return UNBOUNDED;
  const bytes = textIn(part["file"], "file_data").length;
  return { bytes, tokensMax: FILE_TOKENS_MAX, tokensCounted: FETCHED_TOKENS_USUAL };
}

/** OpenAI takes the sound itself; some providers also an address. */
function measureSound(data: string): Media {
  if (/^\s*[a-z][a-z0-9+.-]*:\/\//i.test(data)) return UNBOUNDED;
  const tokensMax = Math.ceil(data.length / AUDIO_BYTES_PER_TOKEN);
  return { bytes: data.length, tokensMax, tokensCounted: Math.ceil(tokensMax / BYTES_PER_TOKEN) };
}

function textIn(holder: unknown, field: string): string {
  const text = (holder as JsonObject | null | undefined)?.[field];
  return typeof text === "string" ? text : "";
}
