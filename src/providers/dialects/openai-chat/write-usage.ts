import { inputTokensOf, outputTokensOf } from "../../../lib/quantities.ts";
import type { ReadUsage } from "../../neutral/answer.ts";

/** Disjoint quantities as OpenAI nests them: `usage.ts` reads the same quantities out of it again. */
export function writeUsage({ quantities }: ReadUsage) {
  const prompt = inputTokensOf(quantities);
  const completion = outputTokensOf(quantities);
  const written = (quantities.cache_write ?? 0) + (quantities.cache_write_1h ?? 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: quantities.cache_read ?? 0,
      audio_tokens: quantities.audio_input ?? 0,
      ...(written === 0 ? {} : { cache_write_tokens: written }),
      ...(quantities.image_input === undefined ? {} : { image_tokens: quantities.image_input }),
    },
    completion_tokens_details: {
      reasoning_tokens: quantities.reasoning ?? 0,
      audio_tokens: quantities.audio_output ?? 0,
    },
  };
}
