/** How many tokens a request of Anthropic's dialect can be at most, and about how many it is. */
import type { JsonObject } from "../../lib/json.ts";
import { BYTES_PER_TOKEN, IMAGE_TOKENS_MAX, IMAGE_TOKENS_USUAL } from "./token-bounds.ts";

export type Block = { type: string } & JsonObject;

/**
 * What a provider adds once: its own words around tools (up to 804 tokens, and more for each tool whose arguments its
 * model knows by heart) and around an answer by a schema.
 */
const FRAME_TOKENS_MAX = 2_048;
const KNOWN_TOOL_TOKENS_MAX = 1_024;

/**
 * A document's pages are read as text and as images. How many it has stands compressed in the file, so only the most
 * that is taken bounds it: 600 pages, each of at most about 7,000 tokens. A model's context bounds it further.
 */
const DOCUMENT_TOKENS_MAX = 600 * 7_000;
/** A page of text, and about the bytes of one. */
const PAGE_TOKENS_USUAL = 2_400;
const PAGE_BYTES_USUAL = 50_000;
/** Of a document that is fetched by its address. */
const PAGES_USUAL = 10;

export type Measured = { tokensMax: number; tokensCounted: number };

/** `bytes`: of the whole body. */
export function measureMessages(
  bytes: number,
  { blocks, tools }: { blocks: readonly Block[]; tools: readonly JsonObject[] },
): Measured {
  const media = blocks.map(measureMedia);
  const sum = (field: keyof Media) => media.reduce((total, one) => total + one[field], 0);
  const textBytes = bytes - sum("bytes");
  const known = tools.filter(({ type }) => typeof type === "string" && type !== "custom").length;
  return {
    tokensMax: textBytes + FRAME_TOKENS_MAX + known * KNOWN_TOOL_TOKENS_MAX + sum("tokensMax"),
    tokensCounted: Math.ceil(textBytes / BYTES_PER_TOKEN) + sum("tokensCounted"),
  };
}

/** Of a block whose data is no text: its length in the body, and what it can be in tokens. */
type Media = { bytes: number; tokensMax: number; tokensCounted: number };

const TEXT: Media = { bytes: 0, tokensMax: 0, tokensCounted: 0 };

function measureMedia({ type, source }: Block): Media {
  const { type: kind, data, url } = (source ?? {}) as JsonObject;
  if (kind !== "base64" && kind !== "url") return TEXT;
  const bytes = lengthOf(kind === "base64" ? data : url);
  if (type === "image") {
    return { bytes, tokensMax: IMAGE_TOKENS_MAX, tokensCounted: IMAGE_TOKENS_USUAL };
  }
  if (type !== "document") return TEXT;
  const pages = kind === "url" ? PAGES_USUAL : Math.ceil(bytes / PAGE_BYTES_USUAL);
  return { bytes, tokensMax: DOCUMENT_TOKENS_MAX, tokensCounted: pages * PAGE_TOKENS_USUAL };
}

const lengthOf = (value: unknown): number => (typeof value === "string" ? value.length : 0);
