/** The PostgreSQL server that Baseload brings along, for an installation without `DATABASE_URL`. */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Failure } from "../../lib/errors.ts";
import type { Log } from "../log.ts";
import { readSecrets } from "../secrets.ts";
import { prepareBinaries } from "./binaries.ts";
import { makeFolder, type Server, type ServerOptions, startServer, urlOf } from "./server.ts";
import { readServerUser, type ServerUser } from "./server-user.ts";

const SHARED_ROOT = "/var/lib/baseload";

/** For a small machine. Durability is complete: a commit that was answered survives a power cut. */
const settings = {
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  shared_buffers: "128MB",
  max_wal_size: "1GB",
  checkpoint_timeout: "15min",
  // Statements are short; compiling them costs more than it saves.
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] %a ",
} as const;

const CONNECTIONS_MIN = 100;

export type PostgresOptions = {
  home: string;
  /** What all processes together may open; the server allows at least 100. */
  connections?: number;
  log: Log;
  onStep?: NonNullable<ServerOptions["onStep"]>;
};

/** Starts the server of this home, or adopts it when it outlived its supervisor. */
export function startPostgres(options: PostgresOptions): Promise<Server> {
  const home = resolve(options.home);
  const user = readServerUser();
  const root = postgresRootOf(home);
  if (user !== undefined) prepareSharedRoot(root, { home, user, log: options.log });
  makeFolder(root, user);
  return startServer({
    root,
    user,
    binaries: prepareBinaries({
      mustBeReachableByOthers: user !== undefined,
      copyTo: user === undefined ? root : SHARED_ROOT,
      log: options.log,
    }),
    password: readSecrets(home).postgres_password,
    logFile: join(home, "logs", "postgres.log"),
    settings: {
      ...settings,
      max_connections: String(Math.max(CONNECTIONS_MIN, options.connections ?? 0)),
    },
    log: options.log,
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
  });
}

function prepareSharedRoot(root: string, on: { home: string; user: ServerUser; log: Log }): void {
  try {
    mkdirSync(SHARED_ROOT, { recursive: true, mode: 0o755 });
    chmodSync(SHARED_ROOT, 0o755);
    makeFolder(root, on.user);
    // Tells an operator which home this folder belongs to.
    writeFileSync(join(root, "home.txt"), `${on.home}\n`);
  } catch (cause) {
    throw new Failure(
      "forbidden",
      `PostgreSQL does not run as root, and ${root} cannot be made for its own user. ` +
        "Run Baseload as an ordinary user, or set DATABASE_URL to a PostgreSQL server.",
      { cause },
    );
  }
  on.log.info("running as root: PostgreSQL has its own user and folder", {
    user: on.user.name,
    root,
  });
}

/**
 * Where the data of a home lies. As root, what the server's user must reach cannot lie in the home; its folder is
 * then tied to the home's secrets too: a home that was deleted and made anew begins with data of its own.
 */
export function postgresRootOf(home: string): string {
  if (process.getuid?.() !== 0) return join(resolve(home), "postgres");
  const { postgres_password } = readSecrets(home);
  const hash = createHash("sha256").update(`${resolve(home)}\n${postgres_password}`);
  return join(SHARED_ROOT, hash.digest("hex").slice(0, 16));
}

/** The address of a home's server, for a role that is started beside it. */
export const embeddedUrlOf = (home: string): string =>
  urlOf({ root: postgresRootOf(home), password: readSecrets(home).postgres_password });
