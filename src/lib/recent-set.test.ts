import { expect, test } from "bun:test";
import { RecentSet } from "./recent-set.ts";

test("a recent set forgets what was added longest ago", () => {
  const recent = new RecentSet(2);
  for (const value of ["a", "b", "a", "c"]) recent.add(value);

  expect(["a", "b", "c"].filter((value) => recent.has(value))).toEqual(["a", "c"]);
});
