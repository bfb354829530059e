/**
 * An installation of real processes for crash tests: each role by its own command on a temporary home, with a
 * durable PostgreSQL of its own, gateways on one shared port, and a sandbox that is registered as a provider like
 * any other, billed, and never killed: what it counts is the truth that the ledger is compared with.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isUuid } from "../../src/lib/ids.ts";
import { type Database, openDatabase } from "../../src/platform/db/database.ts";
import { migrate } from "../../src/platform/db/migrate.ts";
import { type FaultPoint, faultPointFor } from "../../src/platform/fault-point.ts";
import { silentLog } from "../../src/platform/log.ts";
import { postgresRootOf, startPostgres } from "../../src/platform/postgres/embedded.ts";
import { readSecrets } from "../../src/platform/secrets.ts";
import { migrationsFolder } from "./postgres.ts";
import { until } from "./until.ts";

const mainFile = join(import.meta.dir, "..", "..", "src", "main.ts");
const START_TIMEOUT_MS = 30_000;
const SETTLE_TIMEOUT_MS = 45_000;
const OUTPUT_CHARS_KEPT = 4_000;

export type Variables = Readonly<Record<string, string>>;

export type RoleProcess = {
  readonly role: string;
  readonly pid: number;
  isRunning(): boolean;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** As a power cut would, without a last word. */
  kill(): Promise<void>;
  /** SIGTERM: an orderly end. */
  stop(): Promise<number | string>;
};

export type RoleOptions = {
  faultPoint?: { name: FaultPoint; nth?: number };
  variables?: Variables;
};

export type Installation = AsyncDisposable & {
  readonly home: string;
  /** Where the gateways listen; ends in `/v1`. */
  readonly url: string;
  /** What the installation's gateways share. */
  readonly port: number;
  readonly upstreamUrl: string;
  readonly internalToken: string;
  readonly database: Database;
  readonly postgres: OwnPostgres;
  start(role: "gateway" | "worker" | "control", options?: RoleOptions): Promise<RoleProcess>;
  /** The exit code and the output of a real command. */
  command(...words: string[]): Promise<{ code: number; output: string }>;
  /** Resolves when nothing is under way, all journals are posted and what dead gateways left is recovered. */
  untilSettled(): Promise<void>;
  /** Copies all journals as they are now; the function puts them back under the same ids. */
  copyJournals(): () => void;
  /** The last lines that a role logged. */
  logTail(role: string): string;
};

export type OwnPostgres = {
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/** @param variables the configuration of all processes. */
export async function startInstallation(variables: Variables = {}): Promise<Installation> {
  const cleanUp = new AsyncDisposableStack();
  try {
    return await install(variables, cleanUp);
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

async function install(variables: Variables, cleanUp: AsyncDisposableStack): Promise<Installation> {
  const home = mkdtempSync(join(tmpdir(), "baseload-crash-"));
  cleanUp.defer(() => removeHome(home));
  removeAfterThisProcess(home);
  const secrets = readSecrets(home);
  const postgres = ownPostgres(home);
  cleanUp.defer(() => postgres.stop());
  const databaseUrl = await postgres.start();
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 4,
    applicationName: "baseload crash test",
    log: silentLog,
  });
  cleanUp.defer(() => database.close());
  await migrate(database, migrationsFolder);
  const [port, upstreamPort, controlPort] = await freePorts(3);
  const processes: RoleProcess[] = [];
  cleanUp.defer(async () => {
    await Promise.all(processes.map((process) => process.kill()));
  });
  const common = {
    BASELOAD_HOME: home,
    DATABASE_URL: databaseUrl,
    BASELOAD_PORT: String(port),
    BASELOAD_CONTROL_PORT: String(controlPort),
    BASELOAD_SANDBOX_PORT: String(upstreamPort),
    BASELOAD_GATEWAYS: "2",
    ...variables,
  };
  const start = async (role: string, options: RoleOptions = {}) => {
    const process = await startRole(role, { home, variables: common, options });
    processes.push(process);
    return process;
  };
  await start("sandbox");
  const upstreamUrl = `http://127.0.0.1:${upstreamPort}/v1`;
  return {
    home,
    port: port ?? 0,
    url: `http://127.0.0.1:${port}/v1`,
    upstreamUrl,
    internalToken: secrets.internal_token,
    database,
    postgres: { ...postgres, start: async () => void (await postgres.start()) },
    start,
    command: (...words) => runCommand([...words, "--home", home], common),
    untilSettled: () =>
      untilSettled({ home, database, upstreamUrl, token: secrets.internal_token }),
    copyJournals: () => copyJournals(home),
    logTail: (role) => tailOf(join(home, "logs", `${role}.log`)),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

async function startRole(
  role: string,
  setting: { home: string; variables: Variables; options: RoleOptions },
): Promise<RoleProcess> {
  const { faultPoint, variables = {} } = setting.options;
  const child = spawn(process.execPath, [mainFile, role], {
    env: {
      ...inherited(),
      ...setting.variables,
      ...variables,
      ...(faultPoint === undefined
        ? {}
        : {
            BASELOAD_TEST_FAULT_POINT: faultPointFor(
              process.pid,
              faultPoint.name,
              faultPoint.nth ?? 1,
            ),
          }),
    },
    // Its standard input is a pipe from us: it stops when this process ends, however that ends.
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARS_KEPT);
    });
  }
  const roleProcess = roleProcessOf(role, child);
  const tellStory = () => `${output}\n${tailOf(join(setting.home, "logs", `${role}.log`))}`;
  await until(
    `that ${role} is ready`,
    () => {
      if (output.includes('"ready":true')) return true;
      // One that is to die may do so before it says that it is ready.
      if (!roleProcess.isRunning() && faultPoint !== undefined) return true;
      if (!roleProcess.isRunning()) throw new Error(`${role} ended at its start: ${tellStory()}`);
      return false;
    },
    { deadlineMs: START_TIMEOUT_MS, describe: tellStory },
  );
  return roleProcess;
}

function roleProcessOf(role: string, child: ChildProcess): RoleProcess {
  const ended = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? code ?? "unknown"));
  });
  return {
    role,
    pid: child.pid ?? 0,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGTERM");
      return await ended;
    },
  };
}

function ownPostgres(home: string) {
  let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
  return {
    async start(): Promise<string> {
      server = await startPostgres({ home, log: silentLog });
      return server.url;
    },
    async stop(): Promise<void> {
      await server?.stop();
      server = undefined;
    },
    async kill(): Promise<void> {
      if (server === undefined) return;
      process.kill(server.pid, "SIGKILL");
      await server.exited;
      server = undefined;
    },
  };
}

async function runCommand(
  words: readonly string[],
  variables: Variables,
): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [mainFile, ...words], {
    env: { ...inherited(), ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number>((resolve) => {
    child.once("close", (exitCode) => resolve(exitCode ?? -1));
  });
  return { code, output };
}

const inherited = (): Variables => ({
  PATH: process.env["PATH"] ?? "",
  BUN_CONFIG_MAX_HTTP_REQUESTS: "16384",
});

type Settling = { home: string; database: Database; upstreamUrl: string; token: string };

async function untilSettled(settling: Settling): Promise<void> {
  let open: string | undefined = "";
  await until(
    "that everything is settled",
    async () => {
      // A database that is still recovering refuses for a moment.
      open = await whatIsOpen(settling).catch((error: unknown) => String(error));
      return open === undefined;
    },
    { deadlineMs: SETTLE_TIMEOUT_MS, describe: () => open },
  );
}

/** What is still to be done, or undefined. */
async function whatIsOpen(settling: Settling): Promise<string | undefined> {
  const { home, database, upstreamUrl, token } = settling;
  const alive = new Map<string, GatewayProgress>();
  const names = await readdir(join(home, "journal")).catch(() => []);
  for (const gatewayId of names.filter(isUuid)) {
    const progress = await readProgress(join(home, "run", `gateway-${gatewayId}.sock`));
    if (progress === undefined) return `the gateway ${gatewayId} is not recovered`;
    if (progress.underWay > 0) return `calls are under way in ${gatewayId}`;
    alive.set(gatewayId, progress);
  }
  const { rows } = await database.pool.query<{
    gateway_id: string;
    acked_sequence: bigint;
    leases: bigint;
  }>(
    `select gateway_id, acked_sequence,
       (select count(*) from lease l where l.gateway_id = g.gateway_id and l.state <> 'closed') as leases
     from gateway_process g`,
  );
  for (const row of rows) {
    const sequence = alive.get(row.gateway_id)?.sequence;
    if (sequence === undefined && row.leases > 0n)
      return `${row.gateway_id} is dead and has leases`;
    if (sequence !== undefined && row.acked_sequence < BigInt(sequence)) {
      return `${row.gateway_id} is posted up to ${row.acked_sequence} of ${sequence}`;
    }
  }
  const served = await readServed(upstreamUrl, token);
  const running = served.attempts.filter((attempt) => attempt.state === "running");
  return running.length === 0 ? undefined : `the upstream works on ${running.length} attempts`;
}

type GatewayProgress = { underWay: number; sequence: number };

/** Undefined when nobody listens there: the process is dead. */
async function readProgress(socketPath: string): Promise<GatewayProgress | undefined> {
  const response = await fetch("http://gateway/metrics", { unix: socketPath }).catch(
    () => undefined,
  );
  if (response === undefined) return undefined;
  const text = await response.text();
  const sampleOf = (name: string) =>
    Number(new RegExp(`^baseload_${name} (.+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  return {
    underWay: sampleOf("calls_in_flight") + sampleOf("unsettled_attempts") + sampleOf("held_usd"),
    sequence: sampleOf("journal_sequence"),
  };
}

export type ServedAttempt = {
  id: string;
  state: "running" | "finished";
  outcome: string | undefined;
  calls: number;
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
};

/** What the upstream really served. */
export async function readServed(
  upstreamUrl: string,
  token: string,
): Promise<{ attempts: ServedAttempt[] }> {
  const response = await fetch(`${upstreamUrl}/served`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return (await response.json()) as { attempts: ServedAttempt[] };
}

function copyJournals(home: string): () => void {
  const aside = mkdtempSync(join(home, "journal-copy-"));
  const journals = join(home, "journal");
  cpSync(journals, aside, { recursive: true });
  return () => cpSync(aside, journals, { recursive: true });
}

function tailOf(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(-OUTPUT_CHARS_KEPT);
  } catch {
    return "";
  }
}

function removeHome(home: string): void {
  rmSync(postgresRootOf(home), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}

/** However this process ends: a small shell waits on a pipe from us, then stops the server and clears up. */
function removeAfterThisProcess(home: string): void {
  const root = postgresRootOf(home);
  const script =
    'cat >/dev/null; pid=$(head -1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null && sleep 0.5; rm -rf "$0" "$1"';
  const guard = spawn("sh", ["-c", script, home, root], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref?: () => void } | null)?.unref?.();
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" ? (address?.port ?? 0) : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
