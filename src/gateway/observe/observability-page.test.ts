import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Metrics } from "../../platform/metrics.ts";
import { gatewayMetrics } from "../state/gateway-metrics.ts";
import { observeMetrics } from "./call-metrics.ts";

test("the page for operators names every metric of calls", () => {
  const metrics = new Metrics();
  gatewayMetrics(metrics);
  observeMetrics(metrics);
  const page = readFileSync(
    join(import.meta.dir, "../../../docs/operating/observability.md"),
    "utf8",
  );
  const names = [...metrics.render().matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? "");

  expect(names.length).toBeGreaterThan(8);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
