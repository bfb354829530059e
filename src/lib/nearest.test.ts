import { describe, expect, test } from "bun:test";
import { didYouMean, nearestNames } from "./nearest.ts";

const models = [
  "smollm2-135m-instruct",
  "gpt-4o",
  "gpt-4o-mini",
  "meta/llama-3.3-70b",
  "sandbox-echo",
];

describe("the nearest names", () => {
  const cases: readonly [word: string, names: string[]][] = [
    ["gpt-4o-mni", ["gpt-4o-mini", "gpt-4o"]],
    ["gtp-4o", ["gpt-4o"]],
    ["GPT-4O", ["gpt-4o", "gpt-4o-mini"]],
    ["llama", ["meta/llama-3.3-70b"]],
    ["smollm2-135m-instruct-q4", ["smollm2-135m-instruct"]],
    ["smolm2", ["smollm2-135m-instruct"]],
    ["claude", []],
    ["", []],
    ["x", []],
  ];

  for (const [word, names] of cases) {
    test(`of '${word}' are ${names.join(", ") || "none"}`, () => {
      expect(nearestNames(word, models)).toEqual(names);
    });
  }

  test("are found in bounded time for a long word and many names", () => {
    const started = performance.now();

    nearestNames(
      "x".repeat(1_000_000),
      Array.from({ length: 100_000 }, (_, i) => `model-${i}`.padEnd(200, "y")),
    );

    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test("make a sentence", () => {
    expect(didYouMean("claude", models)).toBe("");
    expect(didYouMean("gtp-4o", models)).toBe(" Did you mean 'gpt-4o'?");
    expect(didYouMean("gpt-4o-mni", models)).toBe(" Did you mean 'gpt-4o-mini' or 'gpt-4o'?");
  });
});
