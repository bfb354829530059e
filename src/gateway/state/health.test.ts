import { describe, expect, test } from "bun:test";
import { Metrics } from "../../platform/metrics.ts";
import { mergeExpositions } from "./health.ts";

describe("metrics of several processes", () => {
  test("become one exposition: help once, samples by process", () => {
    const text = (calls: number) =>
      [
        "# HELP calls_total Calls",
        "# TYPE calls_total counter",
        `calls_total{kind="a b",path="{x}"} ${calls}`,
        "# HELP up Lives",
        "# TYPE up gauge",
        "up 1",
        "",
      ].join("\n");
    const merged = mergeExpositions([
      { process: "0", text: text(3) },
      { process: "1", text: text(4) },
    ]);

    expect(merged.split("\n")).toEqual([
      "# HELP calls_total Calls",
      "# TYPE calls_total counter",
      'calls_total{process="0",kind="a b",path="{x}"} 3',
      'calls_total{process="1",kind="a b",path="{x}"} 4',
      "# HELP up Lives",
      "# TYPE up gauge",
      'up{process="0"} 1',
      'up{process="1"} 1',
      "",
    ]);
  });

  test("keep all series of a histogram together", () => {
    const metrics = new Metrics();
    metrics.histogram({ name: "wait_seconds", help: "Waiting", buckets: [0.1, 1] }).observe(0.5);
    metrics.counter({ name: "calls_total", help: "Calls" }).add(2);
    const text = metrics.render();
    const merged = mergeExpositions([
      { process: "0", text },
      { process: "1", text },
    ]);
    const lines = merged.split("\n").filter((line) => line !== "");
    const typeAt = lines.indexOf("# TYPE calls_total counter");

    // Prometheus refuses an exposition in which a family's samples are not together.
    expect(lines.findLastIndex((line) => line.startsWith("wait_seconds_"))).toBeLessThan(typeAt);
    expect(lines.filter((line) => line.startsWith("# TYPE"))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith("wait_seconds_bucket{process="))).toHaveLength(6);
  });

  test("of a process that says nothing leave the others as they are", () => {
    const text = "# HELP up Lives\n# TYPE up gauge\nup 1\n";

    expect(
      mergeExpositions([
        { process: "0", text: "" },
        { process: "1", text },
      ]),
    ).toBe('# HELP up Lives\n# TYPE up gauge\nup{process="1"} 1\n');
  });
});
