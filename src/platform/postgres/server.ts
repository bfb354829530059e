/**
 * One PostgreSQL server on one folder: made once, started, adopted when it already runs, stopped. It listens
 * on a socket in that folder and on no network port: nothing to collide with, and its address stays the
 * same when it is restarted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import pg from "pg";
import { systemClock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import type { Log } from "../log.ts";
import type { Binaries } from "./binaries.ts";
import { findPostmaster, isAlive, processesOn, removeStalePidFile } from "./postmaster.ts";
import type { ServerUser } from "./server-user.ts";

export type ServerOptions = {
  /** Holds `data/` and the socket. Belongs to the server's user. */
  root: string;
  binaries: Binaries;
  user: ServerUser | undefined;
  password: string;
  /** What the server itself prints. */
  logFile: string;
  /** Configuration parameters, given on the command line so that the server's own files stay untouched. */
  settings: Readonly<Record<string, string>>;
  log: Log;
  onStep?: (step: "initialize" | "start" | "adopt") => void;
};

export type Server = {
  /** `postgres://…`, the same after every restart. */
  url: string;
  pid: number;
  /** Ends open transactions, writes a checkpoint, and waits until the server is gone. */
  stop(): Promise<void>;
  /** Resolves when the server is gone, for whatever reason. */
  exited: Promise<void>;
};

const USER = "baseload";
const DATABASE = "baseload";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 15;
const LOG_TAIL_CHARS = 2_000;
const LOG_BYTES_MAX = 10 * 2 ** 20;

export async function startServer(options: ServerOptions): Promise<Server> {
  const dataDirectory = join(options.root, "data");
  const running = findPostmaster(dataDirectory);
  let child: ChildProcess | undefined;
  if (running !== undefined) {
    options.onStep?.("adopt");
    options.log.info("adopting the PostgreSQL server that already runs", { pid: running.pid });
  } else {
    await initialize(options, dataDirectory);
    options.onStep?.("start");
    await clearRemains(dataDirectory);
    child = launch(options, dataDirectory);
  }
  const pid = await untilReady(options, dataDirectory, child);
  await createDatabase(options);
  return serverOf(pid, urlOf(options), child);
}

function serverOf(pid: number, url: string, child: ChildProcess | undefined): Server {
  const exited =
    child === undefined
      ? untilGone(pid)
      : new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          child.once("exit", () => resolve());
        });
  const stop = async (): Promise<void> => {
    // SIGINT is PostgreSQL's fast shutdown: clients are cut, nothing is lost. SIGQUIT leaves it to recovery.
    signal(pid, "SIGINT");
    const timer = setTimeout(() => signal(pid, "SIGQUIT"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  return { url, pid, stop, exited };
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await Bun.sleep(POLL_MS * 10);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already gone.
  }
}

/** Makes the data directory under another name first: a first start that is cut short leaves nothing half made. */
async function initialize(options: ServerOptions, dataDirectory: string): Promise<void> {
  if (existsSync(join(dataDirectory, "PG_VERSION"))) {
    assertVersion(options, dataDirectory);
    return;
  }
  options.onStep?.("initialize");
  const draft = join(options.root, "data.new");
  const passwordFile = join(options.root, "password");
  rmSync(draft, { recursive: true, force: true });
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  give(passwordFile, options.user);
  const made = await runToEnd(options, [
    options.binaries.initdb,
    ...["--pgdata", draft, "--username", USER, "--pwfile", passwordFile],
    ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"],
    // The servers of tests are thrown away.
    ...(options.settings["fsync"] === "off" ? ["--no-sync"] : []),
  ]);
  rmSync(passwordFile, { force: true });
  if (made.code !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw explain(made.output);
  }
  renameSync(draft, dataDirectory);
}

function runToEnd(
  options: ServerOptions,
  [program = "", ...words]: readonly string[],
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, words, {
      ...identityOf(options.user),
      cwd: options.root,
      env: serverEnvironment(),
      stdio: ["ignore", "ignore", "pipe"],
      // Ctrl-C is answered by us, when this is done.
      detached: true,
    });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-LOG_TAIL_CHARS);
    });
    child.once("error", (error) => resolve({ code: null, output: error.message }));
    child.once("close", (code) => resolve({ code, output }));
  });
}

function assertVersion(options: ServerOptions, dataDirectory: string): void {
  const version = readFileSync(join(dataDirectory, "PG_VERSION"), "utf8").trim();
  if (version === options.binaries.majorVersion) return;
  throw new Failure(
    "conflict",
    `${dataDirectory} was made by PostgreSQL ${version}; this version of Baseload brings PostgreSQL ` +
      `${options.binaries.majorVersion}. Dump it with the older version ('pg_dump') and restore it into a new home.`,
  );
}

/** After `kill -9` of the server its backends need a moment to notice; starting beside them would be refused. */
async function clearRemains(dataDirectory: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + STOP_TIMEOUT_MS;
  while (processesOn(dataDirectory).length > 0) {
    if (systemClock.monotonicMs() > deadlineMs) {
      throw new Failure(
        "conflict",
        `Processes of an earlier PostgreSQL server still work on ${dataDirectory}: ` +
          `${processesOn(dataDirectory).join(", ")}. Stop them, then start again.`,
      );
    }
    await Bun.sleep(POLL_MS);
  }
  removeStalePidFile(dataDirectory);
}

function launch(options: ServerOptions, dataDirectory: string): ChildProcess {
  const socketDirectory = socketDirectoryOf(options.root);
  makeFolder(socketDirectory, options.user);
  mkdirSync(dirname(options.logFile), { recursive: true, mode: 0o700 });
  if (existsSync(options.logFile) && statSync(options.logFile).size > LOG_BYTES_MAX) {
    renameSync(options.logFile, `${options.logFile}.1`);
  }
  const output = openSync(options.logFile, "a", 0o600);
  const parameters = Object.entries({
    ...options.settings,
    listen_addresses: "",
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: "0700",
  });
  try {
    const child = spawn(
      options.binaries.postgres,
      ["-D", dataDirectory, ...parameters.flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      {
        ...identityOf(options.user),
        cwd: options.root,
        env: serverEnvironment(),
        stdio: ["ignore", output, output],
        // Its own process group: Ctrl-C in the terminal reaches only the supervisor, which stops the server last.
        detached: true,
      },
    );
    // A script that only needed a database for a moment must be able to end.
    child.unref();
    child.once("error", (error) => options.log.error("PostgreSQL could not be started", { error }));
    return child;
  } finally {
    closeSync(output);
  }
}

async function untilReady(
  options: ServerOptions,
  dataDirectory: string,
  child: ChildProcess | undefined,
): Promise<number> {
  const deadlineMs = systemClock.monotonicMs() + START_TIMEOUT_MS;
  for (;;) {
    const postmaster = findPostmaster(dataDirectory);
    if (postmaster?.ready === true) return postmaster.pid;
    const ended = child === undefined ? postmaster === undefined : child.exitCode !== null;
    if (ended || child?.signalCode != null) throw explain(tailOf(options.logFile));
    if (systemClock.monotonicMs() > deadlineMs) {
      throw new Failure(
        "timeout",
        `PostgreSQL was not ready after ${START_TIMEOUT_MS / 1000} s. Its log: ${options.logFile}`,
      );
    }
    await Bun.sleep(POLL_MS);
  }
}

async function createDatabase(options: ServerOptions): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(options, "postgres") });
  await client.connect();
  try {
    const found = await client.query("select from pg_database where datname = $1", [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** A socket's path is limited to 107 bytes by the kernel; a deep home gets a short folder instead. */
const SOCKET_PATH_BYTES_MAX = 107;
const SOCKET_NAME = "/.s.PGSQL.5432.lock";

function socketDirectoryOf(root: string): string {
  const near = join(root, "socket");
  const fits = Buffer.byteLength(near + SOCKET_NAME) <= SOCKET_PATH_BYTES_MAX;
  return fits ? near : `/tmp/baseload-${Bun.hash(root).toString(36)}`;
}

/** The address of the server on this folder, whether it runs or not. */
export function urlOf(server: { root: string; password: string }, database = DATABASE): string {
  const host = encodeURIComponent(socketDirectoryOf(server.root));
  return `postgres://${USER}:${server.password}@/${database}?host=${host}`;
}

/** A folder that only the server's user may enter. Refuses one that somebody else has put there. */
export function makeFolder(folder: string, user: ServerUser | undefined): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = statSync(folder);
  const own = process.getuid?.();
  if (uid !== own && uid !== user?.uid) {
    throw new Failure(
      "forbidden",
      `${folder} belongs to another user. Remove it, then start again.`,
    );
  }
  give(folder, user);
  chmodSync(folder, 0o700);
}

function give(path: string, user: ServerUser | undefined): void {
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

const identityOf = (user: ServerUser | undefined): { uid?: number; gid?: number } =>
  user === undefined ? {} : { uid: user.uid, gid: user.gid };

/** Nothing of our environment reaches the server: PGDATA and its kin would change what it does. */
const serverEnvironment = (): Record<string, string> => ({
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
  TZ: "UTC",
});

function tailOf(logFile: string): string {
  try {
    return readFileSync(logFile, "utf8").slice(-LOG_TAIL_CHARS);
  } catch {
    return "";
  }
}

const explanations: readonly [symptom: RegExp, advice: string][] = [
  [/No space left on device/i, "The disk is full. Free some space, then start again."],
  [/Permission denied/i, "PostgreSQL may not read or write its folder. Check who owns it."],
  [
    /could not map anonymous shared memory|Cannot allocate memory/i,
    "There is not enough free memory.",
  ],
  [
    /error while loading shared libraries/i,
    "The host lacks a library. Set DATABASE_URL to a server instead.",
  ],
  [
    /still in use|lock file .* already exists/i,
    "Another server still runs on this data. Stop it first.",
  ],
];

function explain(output: string): Failure {
  const advice = explanations.find(([symptom]) => symptom.test(output))?.[1];
  const lines = output.trim().split("\n").slice(-5).join("\n");
  return new Failure("overloaded", `PostgreSQL did not start. ${advice ?? ""}\n${lines}`.trim());
}
