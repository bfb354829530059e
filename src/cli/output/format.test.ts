import { describe, expect, test } from "bun:test";
import {
  formatBytes,
  formatCount,
  formatFacts,
  formatTable,
  formatTime,
  formatUsd,
  withoutControls,
} from "./format.ts";

describe("tables", () => {
  test("columns are as wide as their widest cell; numbers line up at their right end", () => {
    const text = formatTable(
      [
        { name: "smollm2", tokens: 1234567, cost: "$0.000012" },
        { name: "日本語", tokens: 5, cost: "$12.50" },
      ],
      [
        { title: "model", cell: (row) => row.name },
        { title: "tokens", cell: (row) => row.tokens, align: "right" },
        { title: "cost", cell: (row) => row.cost, align: "right" },
        { title: "note", cell: () => null },
      ],
      "none",
    );

    expect(text).toBe(
      [
        "MODEL       TOKENS       COST  NOTE",
        "smollm2  1,234,567  $0.000012  –",
        "日本語           5     $12.50  –",
        "",
      ].join("\n"),
    );
  });

  test("an empty table says so", () => {
    expect(formatTable([], [], "No keys.")).toBe("No keys.\n");
  });

  test("facts stand below each other, and facts that do not apply are left out", () => {
    expect(formatFacts({ balance: "$9.00", spent: "$10.25", region: undefined }, "right")).toBe(
      "balance   $9.00\nspent    $10.25\n",
    );
  });
});

describe("values", () => {
  test("counts", () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });

  test("money keeps every digit", () => {
    expect(formatUsd("0.000000001")).toBe("$0.000000001");
    expect(formatUsd("-3.20")).toBe("-$3.20");
  });

  test("times", () => {
    expect(formatTime("2031-01-31T12:00:00.123Z")).toBe("2031-01-31 12:00:00Z");
    expect(formatTime(null)).toBe("");
  });

  test("sizes", () => {
    expect([0, 999, 1000, 105_454_432, 3.2e12, 5e15].map(formatBytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "105.5 MB",
      "3.2 TB",
      "5000.0 TB",
    ]);
  });

  test("text of strangers cannot move the cursor or set the title", () => {
    expect(withoutControls("a\u001b[31mred\u0007\r\nb\tc\u009b1m")).toBe("a[31mred\nb\tc1m");
  });
});
