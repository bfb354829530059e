/** How many tokens a request of the Responses API can be at most, and about how many it is. */
import type { JsonObject } from "../../lib/json.ts";
import {
  AUDIO_BYTES_PER_TOKEN,
  BYTES_PER_TOKEN,
  IMAGE_TOKENS_MAX,
  IMAGE_TOKENS_USUAL,
  TEMPLATE_TOKENS_MAX,
} from "./token-bounds.ts";

/**
 * A document's pages are read as text and as images. How many it has stands compressed in the file, so only the most
 * that is taken bounds it: 100 pages of about 7,000 tokens each, and a model's context bounds it further.
 */
export const FILE_TOKENS_MAX = 100 * 7_000;
/** A page of text, and about the bytes of one. */
const PAGE_TOKENS_USUAL = 2_400;
const PAGE_BYTES_USUAL = 50_000;
/** Of a document that is fetched by its address. */
const PAGES_USUAL = 10;

export type Measured = { tokensMax: number; tokensCounted: number };

/** `bytes`: of the whole body, in which `parts` are. */
export function measureItems(bytes: number, parts: readonly JsonObject[]): Measured {
  const media = parts.map(measureMedia);
  const sum = (field: keyof Media) => media.reduce((total, one) => total + one[field], 0);
  const textBytes = bytes - sum("bytes");
  return {
    tokensMax: textBytes + TEMPLATE_TOKENS_MAX + sum("tokensMax"),
    tokensCounted: Math.ceil(textBytes / BYTES_PER_TOKEN) + sum("tokensCounted"),
  };
}

/** Of a part whose data is no text: its length in the body, and what it can be in tokens. */
type Media = { bytes: number; tokensMax: number; tokensCounted: number };

const TEXT: Media = { bytes: 0, tokensMax: 0, tokensCounted: 0 };

function measureMedia(part: JsonObject): Media {
  switch (part["type"]) {
    case "input_image": {
      const bytes = lengthOf(part["image_url"]);
      return { bytes, tokensMax: IMAGE_TOKENS_MAX, tokensCounted: IMAGE_TOKENS_USUAL };
    }
    case "input_file": {
      const bytes = lengthOf(part["file_data"]);
      const pages = bytes === 0 ? PAGES_USUAL : Math.ceil(bytes / PAGE_BYTES_USUAL);
      const tokensCounted = pages * PAGE_TOKENS_USUAL;
      return { bytes, tokensMax: FILE_TOKENS_MAX, tokensCounted };
    }
    case "input_audio": {
      const sound = (part["input_audio"] ?? {}) as JsonObject;
      const bytes = lengthOf(sound["data"]);
      const tokensMax = Math.ceil(bytes / AUDIO_BYTES_PER_TOKEN);
      return { bytes, tokensMax, tokensCounted: Math.ceil(tokensMax / BYTES_PER_TOKEN) };
    }
    default:
      return TEXT;
  }
}

const lengthOf = (value: unknown): number => (typeof value === "string" ? value.length : 0);
