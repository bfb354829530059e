/** The most that making images can use, and about how much it is. */
import type { Quantities } from "../../lib/quantities.ts";
import type { Counted } from "../../providers/exchange.ts";
import { countedImages } from "../../providers/operations/image-usage.ts";

export type ImageWish = {
  images: number;
  /** `1024x1024`; undefined or `auto`: the model's own. */
  size: string | undefined;
  quality: string | undefined;
  /** Sent while a stream is under way; each is billed beside the image. */
  partials: number;
  /** Of a moving image. */
  frames: number;
};

/** The largest of the sizes that models choose by themselves. */
const PIXELS_USUAL = 1_536 * 1_024;
/** The largest that can be asked for; sizes by name may be that. */
const PIXELS_MAX = 3_840 * 2_160;
/**
 * Pixels to a token, by quality. GPT Image 1 has 252 at `high`, 993 at `medium` and 3,855 at `low`; each is bounded at
 * half of that or less, and what is unknown is taken for the dearest.
 * https://platform.openai.com/docs/guides/image-generation#cost-and-latency
 */
const PIXELS_PER_TOKEN: ReadonlyMap<string, number> = new Map([
  ["low", 1_024],
  ["medium", 256],
  ["standard", 128],
  ["high", 96],
  ["hd", 96],
  ["auto", 96],
]);
const PIXELS_PER_TOKEN_DEAREST = 32;
const TOKENS_PER_PARTIAL = 512;
/** What a model thinks and writes before it draws. */
const TEXT_TOKENS_MAX = 4_096;

export function imageBounds(wish: ImageWish): Quantities {
  const perToken = PIXELS_PER_TOKEN.get(wish.quality ?? "auto") ?? PIXELS_PER_TOKEN_DEAREST;
  const tokens = Math.ceil(pixelsOf(wish.size) / perToken) * wish.frames;
  return {
    images: wish.images,
    image_output: wish.images * (tokens + wish.partials * TOKENS_PER_PARTIAL),
    output_text: TEXT_TOKENS_MAX,
  };
}

export const countedWish = ({ images }: ImageWish, promptTokens: number): Counted =>
  countedImages(images, 1).map((view) =>
    view.images === undefined ? { ...view, uncached_input: promptTokens } : view,
  );

function pixelsOf(size: string | undefined): number {
  if (size === undefined || size === "auto") return PIXELS_USUAL;
  const [, width, height] = /^(\d+)[x*](\d+)$/.exec(size) ?? [];
  return width === undefined ? PIXELS_MAX : Number(width) * Number(height);
}
