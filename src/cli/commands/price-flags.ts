/** The flags of prices and the fields of the contract, one to one. */

export type FurtherPriceFlags = {
  readonly "cached-input-usd-per-mtok": string | undefined;
  readonly "cache-write-usd-per-mtok": string | undefined;
  readonly "reasoning-usd-per-mtok": string | undefined;
  readonly "audio-input-usd-per-mtok": string | undefined;
  readonly "audio-output-usd-per-mtok": string | undefined;
  readonly "image-input-usd-per-mtok": string | undefined;
  readonly "request-usd": string | undefined;
};

export const toFurtherPrices = (flags: FurtherPriceFlags) => ({
  cached_input_usd_per_mtok: flags["cached-input-usd-per-mtok"],
  cache_write_usd_per_mtok: flags["cache-write-usd-per-mtok"],
  reasoning_usd_per_mtok: flags["reasoning-usd-per-mtok"],
  audio_input_usd_per_mtok: flags["audio-input-usd-per-mtok"],
  audio_output_usd_per_mtok: flags["audio-output-usd-per-mtok"],
  image_input_usd_per_mtok: flags["image-input-usd-per-mtok"],
  request_usd: flags["request-usd"],
});
