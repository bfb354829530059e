/** What a runner shows to Prometheus. */
import { Metrics } from "../platform/metrics.ts";
import type { Engine, EngineFacts } from "./engine/engine.ts";

const gauges: readonly [name: string, help: string, read: (facts: EngineFacts) => number][] = [
  ["sequences", "Answers that can be generated at the same time.", (facts) => facts.sequences],
  ["active_sequences", "Answers that are being generated.", (facts) => facts.active],
  ["queue_length", "Requests that wait for a sequence.", (facts) => facts.waiting],
  ["cache_use_ratio", "Share of the attention cache that holds tokens.", (facts) => facts.cacheUse],
  [
    "prompt_tokens_per_second",
    "Prompt tokens evaluated, over the last 10 seconds.",
    (facts) => facts.promptTokensPerSecond,
  ],
  [
    "completion_tokens_per_second",
    "Tokens generated, over the last 10 seconds.",
    (facts) => facts.completionTokensPerSecond,
  ],
];

const counters: readonly [name: string, help: string, read: (facts: EngineFacts) => number][] = [
  ["prompt_tokens_total", "Prompt tokens evaluated.", (facts) => facts.promptTokensTotal],
  ["cached_tokens_total", "Prompt tokens found evaluated.", (facts) => facts.cachedTokensTotal],
  ["completion_tokens_total", "Tokens generated.", (facts) => facts.completionTokensTotal],
];

export function createMetrics(engine: Engine, model: string): Metrics {
  const metrics = new Metrics();
  const labels = ["model"];
  const bound = { model };
  const shown = gauges.map(([name, help, read]) => {
    const gauge = metrics.gauge({ name: `baseload_runner_${name}`, help, labels }).with(bound);
    return (facts: EngineFacts) => gauge.set(read(facts));
  });
  const counted = counters.map(([name, help, read]) => {
    const counter = metrics.counter({ name: `baseload_runner_${name}`, help, labels }).with(bound);
    let before = 0;
    return (facts: EngineFacts) => {
      counter.add(read(facts) - before);
      before = read(facts);
    };
  });
  metrics.onRender(() => {
    const { facts } = engine;
    for (const update of [...shown, ...counted]) update(facts);
  });
  return metrics;
}
