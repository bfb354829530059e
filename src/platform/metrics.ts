/**
 * Metrics for Prometheus, in its text format:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * A label set is bound once, before the hot path; after that an increment is an addition to a field.
 */
import { assert } from "../lib/errors.ts";

export type Counter = { add(amount?: number): void };
export type Gauge = { set(value: number): void; add(amount: number): void };
export type Histogram = { observe(value: number): void };

export type Labels = Readonly<Record<string, string>>;

/** A metric with labels hands out one series for each label set. */
export type Labelled<T> = { with(labels: Labels): T };

export type MetricOptions = {
  /** `baseload_calls_total`: unit and kind last. */
  name: string;
  help: string;
  labels?: readonly string[];
};

/**
 * Label sets beyond this share one series whose labels are all `other`: a label fed by clients must not be
 * able to fill the memory.
 */
const SERIES_MAX = 500;
const OTHER = "other";

/** From half a millisecond to two minutes: what a gateway adds, and what a model takes. */
export const durationBucketsSeconds = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
] as const;

type Series = { labels: string; render(name: string, labels: string): string[] };
type Kind = "counter" | "gauge" | "histogram";
type Family = { kind: Kind; options: MetricOptions; series: Map<string, Series> };

export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #beforeRender: (() => void)[] = [];

  counter(options: MetricOptions): Counter & Labelled<Counter> {
    return this.#define("counter", options, (labels) => new Value(labels));
  }

  gauge(options: MetricOptions): Gauge & Labelled<Gauge> {
    return this.#define("gauge", options, (labels) => new Value(labels));
  }

  histogram(
    options: MetricOptions & { buckets: readonly number[] },
  ): Histogram & Labelled<Histogram> {
    return this.#define("histogram", options, (labels) => new Buckets(labels, options.buckets));
  }

  /** Called before each exposition, for gauges that are cheaper to read than to keep. */
  onRender(update: () => void): void {
    this.#beforeRender.push(update);
  }

  render(): string {
    for (const update of this.#beforeRender) update();
    const lines: string[] = [];
    for (const { kind, options, series } of this.#families.values()) {
      lines.push(`# HELP ${options.name} ${escapeHelp(options.help)}`);
      lines.push(`# TYPE ${options.name} ${kind}`);
      for (const one of series.values()) lines.push(...one.render(options.name, one.labels));
    }
    return `${lines.join("\n")}\n`;
  }

  #define<T extends Series>(
    kind: Kind,
    options: MetricOptions,
    make: (labels: string) => T,
  ): T & Labelled<T> {
    assert(/^[a-z][a-z0-9_]*$/.test(options.name), `${options.name} is not a metric name`);
    assert(!this.#families.has(options.name), `the metric ${options.name} is defined twice`);
    const series = new Map<string, T>();
    this.#families.set(options.name, { kind, options, series });
    const names = options.labels ?? [];
    const bind = (labels: Labels): T => bindSeries({ series, names, labels, make });
    // Without labels the metric is its own only series, and shows zero from the start.
    const own = names.length === 0 ? bind({}) : make("");
    return Object.assign(own, { with: bind });
  }
}

function bindSeries<T>(options: {
  series: Map<string, T>;
  names: readonly string[];
  labels: Labels;
  make: (labels: string) => T;
}): T {
  const { series, names, labels, make } = options;
  let key = renderLabels(names, (name) => labels[name] ?? "");
  if (!series.has(key) && series.size >= SERIES_MAX) key = renderLabels(names, () => OTHER);
  const found = series.get(key);
  if (found !== undefined) return found;
  const made = make(key);
  series.set(key, made);
  return made;
}

class Value implements Counter, Gauge, Series {
  #value = 0;
  readonly labels: string;

  constructor(labels: string) {
    this.labels = labels;
  }

  add(amount = 1): void {
    this.#value += amount;
  }

  set(value: number): void {
    this.#value = value;
  }

  render(name: string, labels: string): string[] {
    return [`${name}${inBraces(labels)} ${this.#value}`];
  }
}

class Buckets implements Histogram, Series {
  readonly labels: string;
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(labels: string, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    // Few bounds, and most values are small: a walk is faster than a search.
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  render(name: string, labels: string): string[] {
    const before = labels === "" ? "" : `${labels},`;
    let total = 0;
    const lines = [...this.#bounds, "+Inf"].map((bound, index) => {
      total += this.#counts[index] ?? 0;
      return `${name}_bucket{${before}le="${bound}"} ${total}`;
    });
    return [
      ...lines,
      `${name}_sum${inBraces(labels)} ${this.#sum}`,
      `${name}_count${inBraces(labels)} ${total}`,
    ];
  }
}

const inBraces = (labels: string): string => (labels === "" ? "" : `{${labels}}`);

const renderLabels = (names: readonly string[], readLabel: (name: string) => string): string =>
  names.map((name) => `${name}="${escapeLabel(readLabel(name))}"`).join(",");

const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
