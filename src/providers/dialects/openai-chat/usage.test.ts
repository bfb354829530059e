import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { inputTokensOf, outputTokensOf, type Quantities } from "../../../lib/quantities.ts";
import { readUsage } from "./usage.ts";

describe("usage becomes disjoint quantities", () => {
  const cases: [string, unknown, Quantities | undefined][] = [
    [
      "OpenAI: cached inside the prompt, reasoning inside the completion",
      {
        prompt_tokens: 2006,
        completion_tokens: 300,
        total_tokens: 2306,
        prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 256, audio_tokens: 0 },
      },
      { uncached_input: 86, cache_read: 1920, output_text: 44, reasoning: 256 },
    ],
    [
      "audio in and out",
      {
        prompt_tokens: 60,
        completion_tokens: 50,
        prompt_tokens_details: { audio_tokens: 40 },
        completion_tokens_details: { audio_tokens: 38 },
      },
      { uncached_input: 20, audio_input: 40, output_text: 12, audio_output: 38 },
    ],
    [
      "tokens written to the cache",
      {
        prompt_tokens: 100,
        completion_tokens: 1,
        prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 50 },
      },
      { uncached_input: 20, cache_read: 30, cache_write: 50, output_text: 1 },
    ],
    [
      "DeepSeek: cached beside the details",
      { prompt_tokens: 100, completion_tokens: 5, prompt_cache_hit_tokens: 64 },
      { uncached_input: 36, cache_read: 64, output_text: 5 },
    ],
    [
      "Moonshot: cached at the top",
      { prompt_tokens: 100, completion_tokens: 5, cached_tokens: 10 },
      { uncached_input: 90, cache_read: 10, output_text: 5 },
    ],
    [
      "xAI: reasoning beside the completion",
      {
        prompt_tokens: 30,
        completion_tokens: 2,
        total_tokens: 332,
        completion_tokens_details: { reasoning_tokens: 300 },
      },
      { uncached_input: 30, output_text: 2, reasoning: 300 },
    ],
    [
      "Gemini: thoughts only in the total",
      { prompt_tokens: 10, completion_tokens: 20, total_tokens: 130 },
      { uncached_input: 10, output_text: 20, reasoning: 100 },
    ],
    [
      "a plain server",
      { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
      { uncached_input: 7, output_text: 3 },
    ],
    [
      "details that are null",
      { prompt_tokens: 7, completion_tokens: 3, prompt_tokens_details: null },
      { uncached_input: 7, output_text: 3 },
    ],
    [
      "an explicit zero is known, not missing",
      { prompt_tokens: 5, completion_tokens: 0 },
      { uncached_input: 5 },
    ],
    ["nothing at all was used", { prompt_tokens: 0, completion_tokens: 0 }, {}],
    [
      "the prompt is missing",
      { completion_tokens: 3, total_tokens: 10 },
      { uncached_input: 7, output_text: 3 },
    ],
    [
      "the completion is missing",
      { prompt_tokens: 7, total_tokens: 10 },
      { uncached_input: 7, output_text: 3 },
    ],
    [
      "the total is too small",
      { prompt_tokens: 7, completion_tokens: 3, total_tokens: 1 },
      { uncached_input: 7, output_text: 3 },
    ],
    [
      "more cached than prompt",
      { prompt_tokens: 7, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 9 } },
      { cache_read: 7 },
    ],
    [
      "a negative part",
      { prompt_tokens: 7, completion_tokens: 1, prompt_tokens_details: { cached_tokens: -9 } },
      { uncached_input: 7, output_text: 1 },
    ],
    ["a negative total", { prompt_tokens: -7, completion_tokens: 1 }, { output_text: 1 }],
    [
      "a fraction",
      { prompt_tokens: 7.9, completion_tokens: 1 },
      { uncached_input: 7, output_text: 1 },
    ],
    ["numbers as text", { prompt_tokens: "7", completion_tokens: "1" }, undefined],
    ["nonsense", { prompt_tokens: 1e300, completion_tokens: Number.NaN }, undefined],
    ["an empty object", {}, undefined],
    ["null", null, undefined],
    ["text", "12 tokens", undefined],
    ["a list", [1, 2], undefined],
  ];
  for (const [name, wire, quantities] of cases) {
    test(name, () => expect(readUsage(wire)).toEqual(quantities));
  }
});

test("whatever a provider sends, no part is negative and the parts are the provider's total", () => {
  const number = fc.oneof(
    fc.integer({ min: -100, max: 100_000 }),
    fc.double({ min: 0, max: 1e6, noNaN: true }),
    fc.constantFrom(undefined, null, "12", Number.NaN, Number.POSITIVE_INFINITY),
  );
  const details = fc.record({
    cached_tokens: number,
    audio_tokens: number,
    image_tokens: number,
    cache_write_tokens: number,
    reasoning_tokens: number,
  });
  const usage = fc.record({
    prompt_tokens: fc.nat(100_000),
    completion_tokens: fc.nat(100_000),
    total_tokens: number,
    prompt_tokens_details: fc.option(details),
    completion_tokens_details: fc.option(details),
    prompt_cache_hit_tokens: number,
  });
  fc.assert(
    fc.property(usage, (wire) => {
      const quantities = readUsage(wire) ?? {};
      for (const part of Object.values(quantities)) {
        expect(Number.isInteger(part) && part > 0).toBe(true);
      }
      const total =
        typeof wire.total_tokens === "number" && wire.total_tokens < 1e12
          ? Math.floor(wire.total_tokens)
          : 0;
      expect(inputTokensOf(quantities)).toBe(wire.prompt_tokens);
      expect(outputTokensOf(quantities)).toBe(
        Math.max(wire.completion_tokens, total - wire.prompt_tokens),
      );
    }),
    { numRuns: 1_000 },
  );
});
