/** How many tokens a request can be at most, and about how many it is: what requests of every dialect are measured by. */

/**
 * A token is at least one byte of text, in every tokenizer in use; the body's JSON around the text is more
 * than a chat template adds per message. What a template adds once (a default system prompt, the frame
 * around tools) stays below this.
 */
export const TEMPLATE_TOKENS_MAX = 512;
/** English prose has about four bytes to a token. */
export const BYTES_PER_TOKEN = 4;
/** Above what any provider counts for one image at high detail. */
export const IMAGE_TOKENS_MAX = 16_384;
export const IMAGE_TOKENS_USUAL = 1_000;
/** Compressed speech has at least this many bytes to a token of sound. */
export const AUDIO_BYTES_PER_TOKEN = 16;
/** What is bounded by nothing else fills a context; no provider offers a larger one. A model's own bounds it further. */
export const CONTEXT_TOKENS_MAX = 2_000_000;
