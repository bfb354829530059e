/** All processes of one installation: which there are, and in which order they stop. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import type { Config } from "../platform/config/config.ts";
import { toVariables, type Variables } from "../platform/config/env.ts";
import type { Log } from "../platform/log.ts";
import { runFolderOf } from "../platform/process-sockets.ts";
import type { Role } from "../platform/roles.ts";
import { version } from "../platform/version.ts";
import { Child } from "./child.ts";
import type { SupervisedPostgres } from "./postgres.ts";
import { type Screen, seconds } from "./screen.ts";

export type SupervisorOptions = {
  config: Config;
  /** Our own environment, handed on. */
  variables: Variables;
  screen: Screen;
  log: Log;
  clock: Clock;
};

/** Beyond the time for streams: settling, and giving leases back. */
const GATEWAY_STOP_MARGIN_MS = 15_000;
/** The worker posts everything that is left: much, after an outage of the database. */
const WORKER_STOP_MS = 60_000;
const STOP_MS = 15_000;

/** Clients first, money second, then who may be asked about usage, the database last. */
const stopOrder: readonly {
  roles: readonly Role[];
  what: string;
  timeoutMs(config: Config): number;
}[] = [
  {
    roles: ["gateway"],
    what: "calls under way have ended",
    timeoutMs: (config) => config.drainMs + GATEWAY_STOP_MARGIN_MS,
  },
  { roles: ["worker"], what: "everything is posted", timeoutMs: () => WORKER_STOP_MS },
  { roles: ["control", "sandbox", "runner"], what: "", timeoutMs: () => STOP_MS },
];

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children: Child[] = [];
  readonly #startedAt: string;
  #postgres: Promise<SupervisedPostgres> | undefined;
  #databaseUrl: string | undefined;
  /** Names of processes that ended by themselves and are not back yet. */
  readonly #down = new Set<string>();
  #isStopping = false;
  #isUp = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.nowMs()).toISOString();
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** From now on the end of a process is news for the person who watches. */
  announceUp(): void {
    this.#isUp = true;
    this.#writeState();
  }

  /** Remembered from its first moment on, so that a stop in the middle of a start finds it. */
  async usePostgres(start: () => Promise<SupervisedPostgres>): Promise<string> {
    this.#assertNotStopping();
    this.#postgres = start();
    this.#databaseUrl = (await this.#postgres).url;
    return this.#databaseUrl;
  }

  useDatabase(url: string): void {
    this.#databaseUrl = url;
  }

  /** @param extra what this process is told beyond the common configuration. */
  spawn(role: Role, name: string, extra: Readonly<Record<string, string>> = {}): Child {
    this.#assertNotStopping();
    const { config, log, clock } = this.#options;
    const child: Child = new Child({
      name,
      role,
      command: [process.execPath, join(import.meta.dir, "..", "main.ts"), role],
      variables: {
        ...this.#options.variables,
        ...toVariables(config),
        ...(this.#databaseUrl === undefined ? {} : { DATABASE_URL: this.#databaseUrl }),
        ...extra,
      },
      clock,
      log,
      onReady: () => {
        log.info("a process is ready", { name, pid: child.pid });
        if (this.#down.delete(name) && this.#isUp) {
          this.#options.screen.print(`  ${name} is ready again`);
        }
        this.#writeState();
      },
      onEnd: (reason, waitMs) => {
        log.error("a process ended by itself", { name, reason, waitMs });
        this.#down.add(name);
        if (this.#isUp) {
          this.#options.screen.print(
            `  ${name}: ${reason}; starting it again in ${seconds(waitMs)}. See logs/${role}.log`,
          );
        }
        this.#writeState();
      },
    });
    this.#children.push(child);
    return child;
  }

  /** In order, each group at once. Nothing is lost, and nothing is left to do for the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { config, screen } = this.#options;
    for (const { roles, what, timeoutMs } of stopOrder) {
      const group = this.#children.filter((child) => roles.includes(child.role));
      if (group.length === 0) continue;
      const step = what === "" ? undefined : screen.step(roles[0] ?? "");
      await Promise.all(group.map((child) => child.stop(timeoutMs(config))));
      step?.done(what);
    }
    await this.#stopPostgres();
    rmSync(this.#statePath, { force: true });
  }

  async #stopPostgres(): Promise<void> {
    // A start that failed has said so, and left nothing to stop.
    const postgres = await this.#postgres?.catch(() => undefined);
    if (postgres === undefined) return;
    const step = this.#options.screen.step("postgres");
    await postgres.stop();
    step.done("stopped");
  }

  /** At once. What was under way is settled by the next start, from the journals. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#children.map((child) => child.kill()));
    rmSync(this.#statePath, { force: true });
  }

  #assertNotStopping(): void {
    if (this.#isStopping) throw new Failure("overloaded", "Baseload is stopping.");
  }

  get #statePath(): string {
    return join(runFolderOf(this.#options.config.home), "up.json");
  }

  /** For the command line, which finds the ports here, and for people who look for a process. */
  #writeState(): void {
    if (this.#isStopping) return;
    const { config } = this.#options;
    const state = {
      pid: process.pid,
      version,
      port: config.port,
      control_port: config.controlPort,
      database: config.database.url === undefined ? "embedded" : "external",
      started_at: this.#startedAt,
      processes: this.#children.map(({ name, role, pid }) => ({ name, role, pid: pid ?? null })),
    };
    mkdirSync(runFolderOf(config.home), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#statePath}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${this.#statePath}.new`, this.#statePath);
  }
}
