/** Is this process ready, and what do it and its siblings count? */
import type { Nanos } from "../../lib/money.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { askProcess, listProcesses } from "../../platform/process-sockets.ts";
import type { Gateway } from "../gateway.ts";

export type Health = {
  /** A sentence, or undefined when calls are taken. */
  whyNotReady(): string | undefined;
  ownMetrics(): string;
  /** Of all gateway processes of this machine: the shared port reaches any of them. */
  allMetrics(): Promise<string>;
};

/** For graphs only, where a rounded number does no harm. */
const NANOS_PER_USD = 1e9;

export const isReady = (reason: string | undefined): reason is undefined => reason === undefined;

export function healthOf(gateway: Gateway, metrics: Metrics, runFolder: string): Health {
  const gauge = (name: string, help: string, read: () => number) => {
    const one = metrics.gauge({ name: `baseload_${name}`, help });
    metrics.onRender(() => one.set(read()));
  };
  const usd = (amount: Nanos) => Number(amount) / NANOS_PER_USD;
  gauge("leases", "Leases that may be spent", () => gateway.pool.totals().leases);
  gauge("leased_free_usd", "Leased and not held", () => usd(gateway.pool.totals().free));
  gauge("held_usd", "Held for calls under way", () => usd(gateway.pool.totals().held));
  gauge("unsettled_attempts", "Dispatched and not yet settled", () => gateway.attempts.size);
  gauge("waiting_calls", "Calls that wait for room at a model", () => gateway.rooms.waiting());
  gauge("open_circuits", "Deployments that are left alone because they keep failing", () =>
    gateway.health.openCircuits(),
  );
  gauge("journal_sequence", "Records written to the usage journal", () =>
    Number(gateway.journal.lastSequence),
  );
  const ownMetrics = () => metrics.render();
  return {
    whyNotReady() {
      if (gateway.isLeaving()) return "the gateway is stopping";
      if (!gateway.snapshot.isLoaded) return "keys and models have not been read yet";
      return gateway.journal.whyRefusing();
    },
    ownMetrics,
    async allMetrics() {
      const ids = await listProcesses(runFolder);
      const texts = await Promise.all(
        ids.map((id) => (id === gateway.gatewayId ? ownMetrics() : readSibling(runFolder, id))),
      );
      return mergeExpositions(texts.map((text, i) => ({ process: String(i), text })));
    },
  };
}

async function readSibling(runFolder: string, id: string): Promise<string> {
  try {
    return await (await askProcess(runFolder, id, "/metrics")).text();
  } catch {
    // A process that just ended leaves its socket behind; it has nothing more to say.
    return "";
  }
}

/** Puts a `process` label on every sample and keeps the help lines of a metric once, before its samples. */
export function mergeExpositions(parts: readonly { process: string; text: string }[]): string {
  const metrics = new Map<string, { comments: Set<string>; samples: string[] }>();
  for (const { process, text } of parts) {
    let name = "";
    for (const line of text.split("\n").filter((one) => one !== "")) {
      const isComment = line.startsWith("#");
      if (isComment) name = line.split(" ")[2] ?? "";
      const metric = metrics.get(name) ?? { comments: new Set(), samples: [] };
      metrics.set(name, metric);
      if (isComment) metric.comments.add(line);
      else metric.samples.push(withLabel(line, process));
    }
  }
  const lines = [...metrics.values()].flatMap((metric) => [...metric.comments, ...metric.samples]);
  return `${lines.join("\n")}\n`;
}

function withLabel(sample: string, process: string): string {
  const label = `process="${process}"`;
  const brace = sample.indexOf("{");
  const space = sample.indexOf(" ");
  if (brace >= 0 && brace < space)
    return `${sample.slice(0, brace + 1)}${label},${sample.slice(brace + 1)}`;
  return `${sample.slice(0, space)}{${label}}${sample.slice(space)}`;
}
