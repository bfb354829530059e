import { describe, expect, test } from "bun:test";
import { ANSWER_BYTES_MAX, ResponseCache } from "./response-cache.ts";

let nowMs = 0;
const clock = { monotonicMs: () => nowMs };
const answer = (bytes: number) => ({
  bytes: new Uint8Array(bytes),
  contentType: "application/json",
  modelName: "m",
  provider: "p",
  region: null,
});

describe("a response cache", () => {
  test("gives an answer until its time is over", () => {
    const cache = new ResponseCache({ clock, bytesMax: 1e6 });
    cache.keep("a", answer(10), 60);
    nowMs += 59_999;
    expect(cache.read("a")?.bytes.length).toBe(10);
    nowMs += 1;

    expect(cache.read("a")).toBeUndefined();
    expect(cache.sizeBytes).toBe(0);
  });

  test("forgets what was used longest ago when its memory is full", () => {
    const cache = new ResponseCache({ clock, bytesMax: 3_000 });
    cache.keep("a", answer(500), 60);
    cache.keep("b", answer(500), 60);
    cache.read("a");
    cache.keep("c", answer(500), 60);

    expect(
      [cache.read("a"), cache.read("b"), cache.read("c")].map((one) => one !== undefined),
    ).toEqual([true, false, true]);
    expect(cache.sizeBytes).toBeLessThanOrEqual(3_000);
  });

  test("keeps one answer for each question, and none that is too large", () => {
    const cache = new ResponseCache({ clock, bytesMax: 10 * ANSWER_BYTES_MAX });
    cache.keep("a", answer(10), 60);
    cache.keep("a", answer(20), 60);
    cache.keep("large", answer(ANSWER_BYTES_MAX + 1), 60);

    expect(cache.read("a")?.bytes.length).toBe(20);
    expect(cache.read("large")).toBeUndefined();
    expect(cache.sizeBytes).toBe(20 + 512);
  });
});
