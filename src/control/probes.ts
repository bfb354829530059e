/** Health, readiness and metrics: open to everyone who reaches the port, and silent about names and money. */
import type { Metrics } from "../platform/metrics.ts";
import type { Control } from "./control.ts";
import { queueMetrics } from "./queue-metrics.ts";
import type { App } from "./serve.ts";

/** A probe that waits longer than this is answered "not ready" by most orchestrators anyway. */
const READY_TIMEOUT_MS = 1_000;

export function serveProbes(app: App, control: Control, metrics: Metrics): void {
  app.get("/healthz", (context) => context.json({ ok: true }));
  app.get("/readyz", async (context) => {
    const isReady = await canReachDatabase(control);
    return context.json(
      { ok: isReady, database: isReady ? "ok" : "not reachable" },
      isReady ? 200 : 503,
    );
  });
  const measureQueue = queueMetrics(metrics, control);
  app.get("/metrics", async (context) => {
    await measureQueue();
    return context.text(metrics.render(), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
    });
  });
}

async function canReachDatabase({ database }: Control): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), READY_TIMEOUT_MS);
  const asked = database.pool.query("select 1").then(
    () => true,
    () => false,
  );
  return await Promise.race([asked, late.promise]).finally(() => clearTimeout(timer));
}
