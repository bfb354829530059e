import { describe, expect, test } from "bun:test";
import type { TimeWindow } from "./definition.ts";
import { isTimeZone, isWithin } from "./time-window.ts";

const at = (text: string) => Date.parse(text);

/** 2026-11-20 is a Friday. */
const examples: readonly [
  window: TimeWindow,
  inside: readonly string[],
  outside: readonly string[],
][] = [
  [{}, ["2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z"], []],
  [
    { from: "09:00", to: "17:00" },
    ["2026-11-20T09:00:00Z", "2026-11-20T16:59:59Z"],
    ["2026-11-20T08:59:59Z", "2026-11-20T17:00:00Z"],
  ],
  [
    { zone: "Asia/Shanghai", from: "09:00", to: "17:00" },
    ["2026-11-20T01:00:00Z", "2026-11-20T08:59:00Z"],
    ["2026-11-20T09:00:00Z"],
  ],
  [
    { days: ["fri"], from: "22:00", to: "06:00" },
    ["2026-11-20T22:00:00Z", "2026-11-21T05:59:00Z"],
    ["2026-11-20T05:00:00Z", "2026-11-21T06:00:00Z", "2026-11-21T22:00:00Z"],
  ],
  [{ days: ["sat", "sun"] }, ["2026-11-21T12:00:00Z"], ["2026-11-20T12:00:00Z"]],
  [{ to: "06:00" }, ["2026-11-20T00:00:00Z"], ["2026-11-20T06:00:00Z"]],
  [{ from: "18:00", to: "24:00" }, ["2026-11-20T23:59:00Z"], ["2026-11-20T00:00:00Z"]],
  // Summer time in New York: noon is 16:00 UTC in July and 17:00 UTC in January.
  [
    { zone: "America/New_York", from: "12:00", to: "12:30" },
    ["2026-07-01T16:15:00Z", "2026-01-01T17:15:00Z"],
    ["2026-07-01T17:15:00Z", "2026-01-01T16:15:00Z"],
  ],
];

describe("a window of time", () => {
  for (const [window, inside, outside] of examples) {
    test(JSON.stringify(window), () => {
      for (const text of inside) expect([text, isWithin(window, at(text))]).toEqual([text, true]);
      for (const text of outside) expect([text, isWithin(window, at(text))]).toEqual([text, false]);
    });
  }

  test("knows the zones of the IANA database", () => {
    expect(["Asia/Shanghai", "UTC", "Europe/Berlin"].map(isTimeZone)).toEqual([true, true, true]);
    expect(["Asia/Peking-Duck", "", "GMT+25"].map(isTimeZone)).toEqual([false, false, false]);
  });
});
