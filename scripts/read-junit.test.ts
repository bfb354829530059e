import { expect, test } from "bun:test";
import { readJunit } from "./read-junit.ts";

test("the first element sums the run", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="9" assertions="70" failures="2" skipped="3" time="0.1">
  <testsuite name="a.test.ts" tests="4" assertions="1" failures="1" skipped="0" />
</testsuites>`;

  expect(readJunit(report)).toEqual({ passed: 4, failed: 2, skipped: 3 });
});

test("a report that was cut off has no counts, rather than zeros", () => {
  expect(readJunit("")).toBeUndefined();
  expect(readJunit('<testsuites name="bun test" tests="9"')).toBeUndefined();
  expect(readJunit('<testsuites name="bun test" tests="9">')).toBeUndefined();
});
