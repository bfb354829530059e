import { expect, test } from "bun:test";
import { Pace } from "./pace.ts";

const startPace = (most: number) => {
  const time = { ms: 1_000 };
  const clock = { nowMs: () => time.ms, monotonicMs: () => time.ms };
  return { time, pace: new Pace({ most, clock, chance: () => 1 }) };
};

test("the window grows by one for each round of answers, up to its limit", () => {
  const { pace } = startPace(6);
  expect(pace.roomBeside(0)).toBe(4);
  for (let i = 0; i < 5; i++) pace.answered();
  expect(pace.roomBeside(0)).toBe(5);
  for (let i = 0; i < 50; i++) pace.answered();
  expect(pace.roomBeside(0)).toBe(6);
  expect(pace.roomBeside(6)).toBe(0);
});

test("too much at once: half as many, and nothing for a while; lines pushed back together count once", () => {
  const { time, pace } = startPace(8);
  expect(pace.pushedBack(2_000)).toBe(2_000);
  pace.pushedBack(2_000);
  pace.pushedBack(undefined);
  expect(pace.roomBeside(0)).toBe(0);
  time.ms += 2_001;
  expect(pace.roomBeside(0)).toBe(2);
});

test("without a hint the wait doubles until something is answered", () => {
  const { time, pace } = startPace(8);
  const waits = Array.from({ length: 4 }, () => {
    const waitMs = pace.pushedBack(undefined);
    time.ms += waitMs + 1;
    return waitMs;
  });
  expect(waits).toEqual([500, 1_000, 2_000, 4_000]);
  pace.answered();
  expect(pace.pushedBack(undefined)).toBe(500);
});
