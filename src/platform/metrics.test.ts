import { describe, expect, test } from "bun:test";
import { Metrics } from "./metrics.ts";

describe("metrics", () => {
  test("are written in the text format of Prometheus", () => {
    const metrics = new Metrics();
    const calls = metrics.counter({
      name: "calls_total",
      help: "Calls.",
      labels: ["model", "status"],
    });
    const open = metrics.gauge({ name: "open_calls", help: "Calls under way." });
    const seconds = metrics.histogram({ name: "seconds", help: "Time.", buckets: [0.1, 1] });

    calls.with({ model: "a", status: "200" }).add();
    calls.with({ model: "a", status: "200" }).add(2);
    calls.with({ model: 'say "hi"\n', status: "429" }).add();
    open.set(3);
    open.add(-1);
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value);

    expect(metrics.render()).toBe(`# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{model="a",status="200"} 3
calls_total{model="say \\"hi\\"\\n",status="429"} 1
# HELP open_calls Calls under way.
# TYPE open_calls gauge
open_calls 2
# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{le="0.1"} 2
seconds_bucket{le="1"} 3
seconds_bucket{le="+Inf"} 4
seconds_sum 7.65
seconds_count 4
`);
  });

  test("a metric without labels shows zero from the start; one with labels shows what was bound", () => {
    const metrics = new Metrics();
    metrics.counter({ name: "a_total", help: "A." });
    metrics.counter({ name: "b_total", help: "B.", labels: ["x"] });

    expect(metrics.render()).toContain("a_total 0\n");
    expect(metrics.render()).not.toMatch(/^b_total/m);
  });

  test("too many label sets share one series", () => {
    const metrics = new Metrics();
    const calls = metrics.counter({ name: "calls_total", help: "Calls.", labels: ["model"] });

    for (let i = 0; i < 2_000; i++) calls.with({ model: `m${i}` }).add();

    const series = metrics.render().match(/^calls_total\{/gm) ?? [];
    expect(series).toHaveLength(501);
    expect(metrics.render()).toContain('calls_total{model="other"} 1500');
  });

  test("gauges may be read at the moment of exposition", () => {
    const metrics = new Metrics();
    const queue = metrics.gauge({ name: "queue_length", help: "Waiting." });
    metrics.onRender(() => queue.set(42));

    expect(metrics.render()).toContain("queue_length 42");
  });

  test("a name that is used twice is a mistake", () => {
    const metrics = new Metrics();
    metrics.counter({ name: "a_total", help: "A." });

    expect(() => metrics.counter({ name: "a_total", help: "A." })).toThrow("defined twice");
  });
});
