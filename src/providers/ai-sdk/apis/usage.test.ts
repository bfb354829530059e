import { describe, expect, test } from "bun:test";
import { CLAUDE } from "../../../../test/support/ai-sdk-caller.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import { readBedrockUsage } from "./bedrock.ts";
import { readCohereUsage } from "./cohere.ts";
import { readGeminiUsage } from "./gemini.ts";

describe("usage", () => {
  const read: [what: string, told: Quantities | undefined, expected: Quantities | undefined][] = [
    [
      "Gemini's audio and images, some of them cached",
      readGeminiUsage({
        promptTokenCount: 500,
        cachedContentTokenCount: 150,
        candidatesTokenCount: 90,
        totalTokenCount: 590,
        promptTokensDetails: [
          { modality: "TEXT", tokenCount: 100 },
          { modality: "AUDIO", tokenCount: 250 },
          { modality: "IMAGE", tokenCount: 150 },
        ],
        cacheTokensDetails: [{ modality: "AUDIO", tokenCount: 150 }],
        candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: 60 }],
      }),
      {
        cache_read: 150,
        audio_input: 100,
        image_input: 150,
        uncached_input: 100,
        audio_output: 60,
        output_text: 30,
      },
    ],
    [
      "Gemini's thoughts where the total says that they are inside",
      readGeminiUsage({
        promptTokenCount: 10,
        candidatesTokenCount: 30,
        thoughtsTokenCount: 20,
        totalTokenCount: 40,
      }),
      { uncached_input: 10, reasoning: 20, output_text: 10 },
    ],
    ["Gemini's usage that is none", readGeminiUsage({ totalTokenCount: 5 }), undefined],
    [
      "Bedrock's cached tokens inside the input, for models that count so",
      readBedrockUsage(
        { inputTokens: 120, outputTokens: 5, totalTokens: 125, cacheReadInputTokens: 100 },
        "us.openai.gpt-5-v1:0",
      ),
      { cache_read: 100, uncached_input: 20, output_text: 5 },
    ],
    [
      "and beside it, for all others",
      readBedrockUsage(
        { inputTokens: 120, outputTokens: 5, totalTokens: 125, cacheReadInputTokens: 100 },
        CLAUDE,
      ),
      { cache_read: 100, uncached_input: 120, output_text: 5 },
    ],
    [
      "Cohere's bill, not its count",
      readCohereUsage({
        billed_units: { input_tokens: 7, output_tokens: 3, search_units: 1 },
        tokens: { input_tokens: 300, output_tokens: 3 },
      }),
      { uncached_input: 7, output_text: 3, search_units: 1 },
    ],
    [
      "Cohere's count where there is no bill",
      readCohereUsage({ tokens: { input_tokens: 300, output_tokens: 3 } }),
      { uncached_input: 300, output_text: 3 },
    ],
  ];
  for (const [what, told, expected] of read) {
    test(what, () => {
      if (expected === undefined) expect(told).toBeUndefined();
      else expect(told).toEqual(expected);
    });
  }
});
