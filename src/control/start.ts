/** Starts and stops the control plane. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import type { Database } from "../platform/db/database.ts";
import type { Log } from "../platform/log.ts";
import { Metrics } from "../platform/metrics.ts";
import { runFolderOf } from "../platform/process-sockets.ts";
import { answerFailure, toFailure } from "./answer.ts";
import { assertHostAllowed } from "./check-host.ts";
import { answerConsolePage } from "./console-page.ts";
import type { Control } from "./control.ts";
import { controlMetrics } from "./metrics.ts";
import { serveProbes } from "./probes.ts";
import { routes } from "./routes.ts";
import { type App, createApp } from "./serve.ts";

export type ControlOptions = {
  home: string;
  /** This machine only, unless told otherwise. */
  host?: string;
  /** 0: any free port. */
  port: number;
  /** Names besides localhost under which browsers and clients may call, such as that of a reverse proxy. */
  allowedHosts?: readonly string[];
  database: Database;
  secrets: { admin_token: string; key_pepper: string; seal_key: string };
  version: string;
  log: Log;
  clock?: Clock;
};

export type RunningControl = { url: string; stop(): Promise<void> };

const HOST_DEFAULT = "127.0.0.1";
/** A client that sends nothing for so long has gone. */
const IDLE_SECONDS = 30;
/** Requests under way at a stop are given this long. */
const DRAIN_MS = 10_000;
const DRAIN_POLL_MS = 20;

export async function startControl(options: ControlOptions): Promise<RunningControl> {
  const control = toControl(options);
  const metrics = new Metrics();
  const app = createApp(control, { routes, metrics: controlMetrics(metrics) });
  app.get("/", () => answerConsolePage(control.version));
  serveProbes(app, control, metrics);
  const server = listen(control, app, options);
  const urlFile = join(control.runFolder, "control.json");
  writeUrl(urlFile, server.url);
  control.log.info("the control plane listens", { url: server.url });
  return {
    url: server.url,
    async stop() {
      removeUrl(urlFile, server.url);
      await server.drain();
    },
  };
}

function toControl(options: ControlOptions): Control {
  const { admin_token, key_pepper, seal_key } = options.secrets;
  if (admin_token.length < 32) {
    throw new Failure(
      "invalid",
      "The admin token is empty or too short; the control plane does not start without one.",
    );
  }
  return {
    database: options.database,
    keyPepper: key_pepper,
    sealKey: seal_key,
    adminToken: admin_token,
    runFolder: runFolderOf(options.home),
    version: options.version,
    clock: options.clock ?? systemClock,
    log: options.log,
  };
}

function listen(control: Control, app: App, options: ControlOptions) {
  const host = options.host ?? HOST_DEFAULT;
  const names = [host, ...(options.allowedHosts ?? [])].map((name) => name.trim().toLowerCase());
  const allowedHosts = new Set(names.filter((name) => name !== ""));
  let underWay = 0;
  const server = Bun.serve({
    hostname: host,
    port: options.port,
    idleTimeout: IDLE_SECONDS,
    async fetch(request, server) {
      const requestId = Bun.randomUUIDv7();
      underWay += 1;
      try {
        assertHostAllowed(request, allowedHosts);
        // Work has limits of its own; only waiting for the client is limited by silence.
        const requestIsRead = () => server.timeout(request, 0);
        return await app.fetch(request, { requestId, requestIsRead });
      } catch (error) {
        return answerFailure(toFailure(control, error, requestId), requestId);
      } finally {
        underWay -= 1;
      }
    },
  });
  return {
    url: `http://${urlHostOf(host)}:${server.port}`,
    async drain() {
      void server.stop();
      const deadlineMs = control.clock.monotonicMs() + DRAIN_MS;
      while (underWay > 0 && control.clock.monotonicMs() < deadlineMs)
        await Bun.sleep(DRAIN_POLL_MS);
      await server.stop(true);
    },
  };
}

/** "All addresses" is where we listen, not where anyone can call. */
function urlHostOf(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** The command line finds us by this file; it appears complete or not at all. */
function writeUrl(path: string, url: string): void {
  mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ url })}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

/** Another control plane may have started meanwhile; its file stays. */
function removeUrl(path: string, url: string): void {
  try {
    const written = JSON.parse(readFileSync(path, "utf8")) as { url?: unknown };
    if (written.url === url) rmSync(path);
  } catch {
    // It is gone already.
  }
}
