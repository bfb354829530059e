/** Who watches calls in this process, as it is configured. */
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { AccessLog } from "./access-log.ts";
import { observeMetrics } from "./call-metrics.ts";
import type { Observer } from "./observation.ts";

export type TelemetryOptions = {
  /** A file, `stdout`, or undefined for none. */
  accessLog: string | undefined;
  accessLogSample: number;
  traces: boolean;
  tracesSample: number;
  serviceName: string;
};

export type Watchers = { observers: readonly Observer[]; stop(): Promise<void> };

export async function startWatchers(
  options: TelemetryOptions,
  { gatewayId, metrics, log }: { gatewayId: string; metrics: Metrics; log: Log },
): Promise<Watchers> {
  const observers: (Observer & { stop?(): Promise<void> })[] = [observeMetrics(metrics)];
  const dropped = metrics.counter({
    name: "baseload_access_log_dropped_total",
    help: "Lines of the access log that were not written",
  });
  if (options.accessLog !== undefined) {
    const { accessLog: path, accessLogSample: sample } = options;
    observers.push(new AccessLog({ path, sample, dropped, log, chance: Math.random }));
  }
  if (options.traces) {
    // Loaded only where it is wanted: a gateway without it neither pays memory nor time for it.
    const { startTraces } = await import("./traces.ts");
    const { serviceName, tracesSample: sample } = options;
    observers.push(startTraces({ gatewayId, serviceName, sample }));
  }
  return {
    observers,
    async stop() {
      for (const observer of observers) {
        await observer.stop?.().catch((error: unknown) => {
          log.warn("what was watched could not be handed over to its end", { error });
        });
      }
    },
  };
}
