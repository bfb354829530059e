import { describe, expect, test } from "bun:test";
import { questionOf } from "../../../test/support/routing.ts";
import { type CallFacts, mismatch } from "./conditions.ts";
import type { RouteCondition } from "./definition.ts";

const call = (facts: Partial<CallFacts>): CallFacts => questionOf(facts);

type Example = [
  condition: RouteCondition,
  holds: Partial<CallFacts>,
  holdsNot: Partial<CallFacts>,
  why: string,
];

const examples: readonly Example[] = [
  [
    { model: ["m", "n"] },
    { model: "n" },
    { model: "o" },
    "the model asked for is 'o', not 'm' or 'n'",
  ],
  [
    { operation: "embeddings" },
    { operation: "embeddings" },
    { operation: "chat" },
    "the operation is 'chat', not 'embeddings'",
  ],
  [{ task: "review" }, { task: "review" }, {}, "the task is not given, not 'review'"],
  [{ key: "k" }, { keyId: "k" }, { keyId: "l" }, "the key is 'l', not 'k'"],
  [{ project: "p" }, { project: "p" }, { project: "q" }, "the project is 'q', not 'p'"],
  [
    { organization: ["a", "b", "c"] },
    { organization: "b" },
    { organization: "z" },
    "the organization is 'z', not 'a', 'b' or 'c'",
  ],
  [
    { metadata: { plan: ["gold", "silver"], run: "*" } },
    { metadata: { plan: "silver", run: "anything" } },
    { metadata: { plan: "silver" } },
    "metadata 'run' is not given, not '*'",
  ],
  [
    { metadata: { constructor: "*" } },
    { metadata: { constructor: "x" } },
    {},
    "metadata 'constructor' is not given, not '*'",
  ],
  [
    { input_tokens: { min: 10, max: 20 } },
    { inputTokensCounted: 20 },
    { inputTokensCounted: 21 },
    "21 input tokens are more than 20",
  ],
  [
    { input_tokens: { min: 10 } },
    { inputTokensCounted: 10 },
    { inputTokensCounted: 9 },
    "9 input tokens are fewer than 10",
  ],
  [
    { language: ["yue", "zh"] },
    { language: "zh-Hant" },
    { language: "ja" },
    "the language is 'ja', not 'yue' or 'zh'",
  ],
  [{ language: "zh" }, { language: "zh" }, { language: "yue" }, "the language is 'yue', not 'zh'"],
  [{ language: "unknown" }, {}, { language: "de" }, "the language is 'de', not 'unknown'"],
  [
    { modality: "image" },
    { needs: { modalities: ["image", "file"], capabilities: [] } },
    { needs: { modalities: ["file"], capabilities: [] } },
    "the call does not need the modality 'image'",
  ],
  [
    { capability: ["tools", "reasoning"] },
    { needs: { modalities: [], capabilities: ["reasoning"] } },
    {},
    "the call does not need the capability 'tools' or 'reasoning'",
  ],
  [{ stream: true }, { isStream: true }, { isStream: false }, "the call does not stream"],
  [
    { time: { from: "22:00", to: "06:00" } },
    { nowMs: Date.UTC(2026, 0, 1, 23, 0) },
    { nowMs: Date.UTC(2026, 0, 1, 12, 0) },
    "it is not 22:00 to 06:00 in UTC",
  ],
  [
    { not: { task: "review" } },
    { task: "write" },
    { task: "review" },
    `what is excluded holds: {"task":"review"}`,
  ],
  [
    { any: [{ task: "a" }, { stream: true }] },
    { isStream: true },
    { task: "b" },
    "none of these holds: the task is 'b', not 'a'; the call does not stream",
  ],
  [
    { all: [{ task: "a" }, { stream: true }] },
    { task: "a", isStream: true },
    { task: "a" },
    "the call does not stream",
  ],
  [
    { task: "a", stream: true },
    { task: "a", isStream: true },
    { isStream: true, task: "b" },
    "the task is 'b', not 'a'",
  ],
];

describe("conditions", () => {
  for (const [condition, holds, holdsNot, why] of examples) {
    test(JSON.stringify(condition), () => {
      expect(mismatch(condition, call(holds))).toBeUndefined();
      expect(mismatch(condition, call(holdsNot))).toBe(why);
    });
  }

  test("one that says nothing always holds", () => {
    expect(mismatch({}, call({}))).toBeUndefined();
    expect(mismatch(undefined, call({}))).toBeUndefined();
    expect(mismatch({ all: [] }, call({}))).toBeUndefined();
  });
});
