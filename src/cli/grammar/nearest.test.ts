import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

const names = ["status", "provider add", "provider list", "wallet", "usage"];

test.each([
  ["statsu", "status"],
  ["walet", "wallet"],
  ["usgae", "usage"],
  ["provider ad", "provider add"],
  ["prov", "provider add"],
])("%s was meant to be %s", (typed, meant) => {
  expect(nearest(typed, names)).toBe(meant);
});

test("what resembles nothing gets no guess", () => {
  expect(nearest("xyzzy", names)).toBeUndefined();
  expect(nearest("x", names)).toBeUndefined();
});
