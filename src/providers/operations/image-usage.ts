import type { JsonObject } from "../../lib/json.ts";
import type { Quantities } from "../../lib/quantities.ts";
import type { ReadUsage } from "../neutral/answer.ts";
import { countIn, recordIn } from "./counts.ts";
import { readTokens } from "./read-tokens.ts";

/** GPT Image models report tokens; what else makes images is billed by the piece, which is counted. */
export function readImageUsage(usage: unknown): ReadUsage | undefined {
  const quantities = readTokens(usage, "image_output");
  return quantities && { quantities, raw: usage };
}

/** Tokens of an image of usual size and quality, for providers that should have told and did not. */
const IMAGE_TOKENS_USUAL = 1_056;

/** What so many images are where nobody says better: pieces, or their tokens. */
export const countedImages = (images: number, unitsPerImage: number): Quantities[] => [
  { images: images * unitsPerImage },
  { image_output: images * IMAGE_TOKENS_USUAL },
];

/** DashScope counts images, and says so in older and newer words. */
export function dashscopeImages(usage: unknown): number | undefined {
  const { output_image_count: newer, image_count: older } = recordIn(usage);
  return countIn(newer) ?? countIn(older);
}

/** How many images an answer in OpenAI's shape holds. */
export const imagesIn = (body: JsonObject): number =>
  Array.isArray(body["data"]) ? body["data"].length : 0;
